# What the backward pass of a pack of training sequences needs, indexed by the row in the pack.
# M is the most rows a pack may have. Policy: everything but the norms' outputs is kept.
class Arena:
  rows : int
  # per layer: input [M, C], after attention [M, C], queries [M, H, D], keys and values [M, K, D],
  # attention's output [M, H D], gate and up [M, 2 F]
  x : List[Tensor]
  middle : List[Tensor]
  queries : List[Tensor]
  keys : List[Tensor]
  values : List[Tensor]
  attended : List[Tensor]
  gate_up : List[Tensor]
  # rotary tables of each row's position [M, 1, D]
  cos : Tensor
  sin : Tensor
  # gradient of the residual stream [M, C], of one layer's keys and values [M, K, D]; float32
  dx : Tensor
  dkeys : Tensor
  dvalues : Tensor
  def __init__(self: __torch__.tandem.arena.Arena, shape: __torch__.tandem.model.Shape,
               rows: int, ffn: int, dtype: int) -> None:
    self.rows = rows
    self.x = annotate(List[Tensor], [])
    self.middle = annotate(List[Tensor], [])
    self.queries = annotate(List[Tensor], [])
    self.keys = annotate(List[Tensor], [])
    self.values = annotate(List[Tensor], [])
    self.attended = annotate(List[Tensor], [])
    self.gate_up = annotate(List[Tensor], [])
    heads, kv_heads, dim = shape.heads, shape.kv_heads, shape.head_dim
    for layer in range(shape.layers):
      self.x.append(torch.zeros([rows, shape.hidden], dtype=dtype))
      self.middle.append(torch.zeros([rows, shape.hidden], dtype=dtype))
      self.queries.append(torch.zeros([rows, heads, dim], dtype=dtype))
      self.keys.append(torch.zeros([rows, kv_heads, dim], dtype=dtype))
      self.values.append(torch.zeros([rows, kv_heads, dim], dtype=dtype))
      self.attended.append(torch.zeros([rows, heads * dim], dtype=dtype))
      self.gate_up.append(torch.zeros([rows, 2 * ffn], dtype=dtype))
    self.cos = torch.zeros([rows, 1, dim])
    self.sin = torch.zeros([rows, 1, dim])
    self.dx = torch.zeros([rows, shape.hidden])
    self.dkeys = torch.zeros([rows, kv_heads, dim])
    self.dvalues = torch.zeros([rows, kv_heads, dim])
