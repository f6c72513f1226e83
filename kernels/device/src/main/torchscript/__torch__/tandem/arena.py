# Rows of one activation, [M, width], in the model's type or in 8 bits with one scale per row.
class Rows:
  data : Tensor
  # [M, 1] float32, without rows if the data are not in 8 bits
  scales : Tensor
  # like: of the model's type, and on its device
  def __init__(self: __torch__.tandem.arena.Rows, rows: int, width: int, like: Tensor,
               compressed: bool) -> None:
    self.data = torch.zeros([rows, width], dtype=1 if compressed else like.dtype,
                            device=like.device)
    self.scales = torch.zeros([rows if compressed else 0, 1], device=like.device)

# x [n, width], or more dimensions that flatten to it
def put_(self: __torch__.tandem.arena.Rows, start: int, x: Tensor) -> None:
  rows = torch.reshape(x, [x.size(0), self.data.size(1)])
  end = start + x.size(0)
  if self.scales.size(0) == 0:
    torch.copy_(self.data[start : end], rows)
  else:
    largest = torch.to(torch.amax(torch.abs(rows), [1], True), 6)
    scales = torch.clamp(torch.div(largest, 127.), 1e-30)
    torch.copy_(self.scales[start : end], scales)
    torch.copy_(self.data[start : end], torch.round_(torch.div(torch.to(rows, 6), scales)))

def get(self: __torch__.tandem.arena.Rows, start: int, end: int, dtype: int) -> Tensor:
  if self.scales.size(0) == 0:
    return self.data[start : end]
  wide = torch.to(self.data[start : end], 6)
  return torch.to(torch.mul_(wide, self.scales[start : end]), dtype)

# What the backward pass of packs of training sequences needs, which lie side by side, by row.
# M is the most rows they may have together. The policy says what is kept beside a layer's input, which
# everything can be computed from again, and the keys and values, which later windows attend to:
# 0 keeps every input of a linear but the norms' outputs, 1 nothing, 2 queries, attention's output,
# gate and up in 8 bits.
class Arena:
  policy : int
  # rows of logits that are alive at once
  chunk : int
  # per layer: input [M, C], keys and values [M, K, D]
  x : List[Tensor]
  keys : List[Tensor]
  values : List[Tensor]
  # per layer, empty lists if they are not kept: queries and attention's output [M, H D], the
  # residual stream after attention [M, C], gate and up [M, 2 F]
  queries : List[__torch__.tandem.arena.Rows]
  attended : List[__torch__.tandem.arena.Rows]
  middle : List[__torch__.tandem.arena.Rows]
  gate_up : List[__torch__.tandem.arena.Rows]
  # per layer, if it has experts, which of them each row goes through [M, k]; instead of gate and up
  chosen : List[Tensor]
  # per rotary table of the model, of each row's position [M, 1, R]
  cos : List[Tensor]
  sin : List[Tensor]
  # gradient of the residual stream [M, C], of one layer's keys and values [M, K, D]; float32
  dx : Tensor
  dkeys : Tensor
  dvalues : Tensor
  # of a recursive model, for each loop but the last, the gradient of the stream behind it that comes of what would be
  # drawn there [M, C] float32; none if outputs there do not learn
  exits : List[Tensor]
  # for heads that learn, without rows if there are none: outputs of the last layer [M, C], and factors on
  # losses [M, 1] float32
  last : Tensor
  factors : Tensor
  def __init__(self: __torch__.tandem.arena.Arena, model: __torch__.tandem.model.Model,
               rows: int, ffn: int, policy: int, chunk: int, heads: bool, exits: int) -> None:
    shape, like = model.shape, model.embedding
    self.policy = policy
    self.chunk = chunk
    self.x = annotate(List[Tensor], [])
    self.keys = annotate(List[Tensor], [])
    self.values = annotate(List[Tensor], [])
    self.queries = annotate(List[__torch__.tandem.arena.Rows], [])
    self.attended = annotate(List[__torch__.tandem.arena.Rows], [])
    self.middle = annotate(List[__torch__.tandem.arena.Rows], [])
    self.gate_up = annotate(List[__torch__.tandem.arena.Rows], [])
    self.chosen = annotate(List[Tensor], [])
    kv_heads, dim = shape.kv_heads, shape.head_dim
    width = shape.heads * dim
    compressed = policy == 2
    dtype, device = like.dtype, like.device
    for layer in range(shape.layers):
      self.x.append(torch.zeros([rows, shape.hidden], dtype=dtype, device=device))
      self.keys.append(torch.zeros([rows, kv_heads, dim], dtype=dtype, device=device))
      self.values.append(torch.zeros([rows, kv_heads, dim], dtype=dtype, device=device))
      if policy == 0:
        self.middle.append(__torch__.tandem.arena.Rows(rows, shape.hidden, like, False))
      if policy != 1:
        self.queries.append(__torch__.tandem.arena.Rows(rows, width, like, compressed))
        self.attended.append(__torch__.tandem.arena.Rows(rows, width, like, compressed))
        if shape.experts == 0:
          self.gate_up.append(__torch__.tandem.arena.Rows(rows, 2 * ffn, like, compressed))
      if shape.experts > 0:
        self.chosen.append(torch.zeros([rows, shape.active], dtype=4, device=device))
    self.cos = annotate(List[Tensor], [])
    self.sin = annotate(List[Tensor], [])
    for table in model.cos:
      self.cos.append(torch.zeros([rows, 1, table.size(1)], device=device))
      self.sin.append(torch.zeros([rows, 1, table.size(1)], device=device))
    learned = rows if heads else 0
    self.last = torch.zeros([learned, shape.hidden], dtype=dtype, device=device)
    self.factors = torch.ones([learned, 1], device=device)
    self.dx = torch.zeros([rows, shape.hidden], device=device)
    self.exits = [torch.zeros([rows, shape.hidden], device=device) for loop in range(exits)]
    self.dkeys = torch.zeros([rows, kv_heads, dim], device=device)
    self.dvalues = torch.zeros([rows, kv_heads, dim], device=device)

# Keeps what the policy says of a layer's rows from start on: x and middle [n, C], q [n, H, D],
# o [n, H D], mlp: gate and up [n, 2 F], or the experts.
def keep_(self: __torch__.tandem.arena.Arena, number: int, start: int, x: Tensor, q: Tensor,
          o: Tensor, middle: Tensor, mlp: Tensor) -> None:
  torch.copy_(self.x[number][start : start + x.size(0)], x)
  if self.policy == 0:
    __torch__.tandem.arena.put_(self.middle[number], start, middle)
  if self.policy != 1:
    __torch__.tandem.arena.put_(self.queries[number], start, q)
    __torch__.tandem.arena.put_(self.attended[number], start, o)
  if len(self.chosen) > 0:
    torch.copy_(self.chosen[number][start : start + x.size(0)], mlp)
  elif self.policy != 1:
    __torch__.tandem.arena.put_(self.gate_up[number], start, mlp)

# Everything that the arena occupies.
def tensors(self: __torch__.tandem.arena.Arena) -> List[Tensor]:
  all = [self.dx, self.dkeys, self.dvalues, self.last, self.factors]
  for layers in [self.cos, self.sin, self.x, self.keys, self.values, self.chosen, self.exits]:
    for tensor in layers:
      all.append(tensor)
  for kept in [self.queries, self.attended, self.middle, self.gate_up]:
    for rows in kept:
      all.append(rows.data)
      all.append(rows.scales)
  return all
