# Embeddings of virtual tokens, which come before a sequence's own (prompt tuning, Lester et al., 2021).
class Prompts:
  # most of a slot
  most : int
  # [P * most, C] float32, slot by slot
  table : Tensor
  # the model's embedding
  vocabulary : Tensor
  def __init__(self: __torch__.tandem.adapter.prompt.Prompts, most: int, table: Tensor,
               vocabulary: Tensor) -> None:
    self.most = most
    self.table = table
    self.vocabulary = vocabulary

# vocabulary: the model's embedding [V, C]
def new(slots: int, most: int, vocabulary: Tensor) -> __torch__.tandem.adapter.prompt.Prompts:
  table = torch.zeros([slots * most, vocabulary.size(1)], device=vocabulary.device)
  return __torch__.tandem.adapter.prompt.Prompts(most, table, vocabulary)

# Those of a slot [most, C]
def of_slot(self: __torch__.tandem.adapter.prompt.Prompts, slot: int) -> Tensor:
  return self.table[slot * self.most : slot * self.most + self.most]

# Embeddings of the vocabulary's tokens, float32
def of_tokens(self: __torch__.tandem.adapter.prompt.Prompts, tokens: List[int]) -> Tensor:
  rows = torch.tensor(tokens, dtype=4, device=self.vocabulary.device)
  return torch.to(torch.index_select(self.vocabulary, 0, rows), 6)

# embeddings: none or one, [n, C] float32 on any device; tokens: whose embeddings it gets otherwise
def put_(self: __torch__.tandem.adapter.prompt.Prompts, slot: int, embeddings: List[Tensor],
         tokens: List[int]) -> None:
  rows = __torch__.tandem.adapter.prompt.of_slot(self, slot)
  for own in embeddings:
    torch.copy_(rows[: own.size(0)], own)
  if len(tokens) > 0:
    torch.copy_(rows[: len(tokens)], __torch__.tandem.adapter.prompt.of_tokens(self, tokens))

# x [N, C], the embeddings of all rows' tokens; virtual [2, m]: rows with a virtual token instead, and
# their rows of the table
def forward(self: __torch__.tandem.adapter.prompt.Prompts, x: Tensor, virtual: Tensor) -> Tensor:
  if virtual.size(1) == 0:
    return x
  own = torch.index_select(self.table, 0, virtual[1])
  return torch.index_copy(x, 0, virtual[0], torch.to(own, x.dtype))

# What a trainee learns.
class Learner:
  # views of its vector: [n, C], n may be 0, and per lane its gradient
  w : Tensor
  dw : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.prompt.Learner, w: Tensor, dw: List[Tensor]) -> None:
    self.w = w
    self.dw = dw

# dx [M, C] float32: of the arena's rows, the gradient of what comes into the first layer; windows: as in
# batch.Batch, of rows in which that is complete; scale: the model's, on embeddings
def backward_(self: __torch__.tandem.adapter.prompt.Learner, lane: int, windows: List[int],
              dx: Tensor, scale: Optional[Tensor]) -> None:
  virtual = self.w.size(0)
  if virtual > 0:
    for i in range(len(windows) // 5):
      origin, first, last = windows[5 * i : 5 * i + 3]
      end = min(last, origin + virtual)
      if end > first:
        rows = dx[first : end]
        torch.add_(self.dw[lane][first - origin : end - origin],
                   rows if scale is None else torch.mul(rows, scale))

# Copies what was learned into the adapter's slot. Returns what the slot has now.
def publish_(self: __torch__.tandem.adapter.prompt.Learner,
             prompts: __torch__.tandem.adapter.prompt.Prompts, slot: int) -> List[Tensor]:
  virtual = self.w.size(0)
  if virtual == 0:
    return annotate(List[Tensor], [])
  rows = __torch__.tandem.adapter.prompt.of_slot(prompts, slot)[:virtual]
  torch.copy_(rows, self.w)
  return [rows]
