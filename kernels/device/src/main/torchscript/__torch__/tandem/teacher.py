# A model that others learn from: of training windows it computes the last layer's outputs, which its arena keeps,
# beside the model that is served. It has no adapters and no cache of inference.
class Teacher:
  # one, or none
  models : List[__torch__.tandem.model.Model]
  # keys and values of the windows' sequences
  arenas : List[__torch__.tandem.arena.Arena]
  caches : List[__torch__.tandem.cache.Cache]
  adapters : List[__torch__.tandem.adapter.change.Changes]
  def __init__(self: __torch__.tandem.teacher.Teacher) -> None:
    self.models = annotate(List[__torch__.tandem.model.Model], [])
    self.arenas = annotate(List[__torch__.tandem.arena.Arena], [])
    self.caches = annotate(List[__torch__.tandem.cache.Cache], [])
    self.adapters = annotate(List[__torch__.tandem.adapter.change.Changes], [])

# sizes: as in low_rank.new, of the teacher; rows: of the arena of the model that learns
def set_(self: __torch__.tandem.teacher.Teacher, model: __torch__.tandem.model.Model,
         sizes: List[int], rows: int, ffn: int) -> None:
  self.models = [model]
  self.arenas = [__torch__.tandem.arena.Arena(model, rows, ffn, 1, 1, True, 0)]
  self.caches = [__torch__.tandem.cache.Cache(model.shape, 1, 1, 0, model.embedding)]
  self.adapters = [__torch__.tandem.adapter.change.new(model, 1, 1, sizes, 0)]

# tokens, positions [n]; window: as in batch.Batch, where it starts and its sequences
def forward_(self: __torch__.tandem.teacher.Teacher, tokens: Tensor, positions: Tensor,
             window: List[int]) -> None:
  model, adapters = self.models[0], self.adapters[0]
  none = torch.empty([0], dtype=4, device=tokens.device)
  rows = __torch__.tandem.inputs.RowInputs(positions, positions, none, none, none, none)
  nothing = annotate(List[int], [])
  frozen = __torch__.tandem.adapter.low_rank.Frozen(nothing, nothing)
  singles = __torch__.tandem.adapter.row_adapters.Singles(
      annotate(List[Tensor], []), frozen,
      __torch__.tandem.adapter.row_adapters.widest(nothing, adapters.low_rank.linears))
  low_rank = __torch__.tandem.adapter.row_adapters.Rows(nothing, frozen, singles)
  users = __torch__.tandem.adapter.change.users(adapters, low_rank, rows.stacks, False, none, nothing)
  batch = __torch__.tandem.batch.Batch(model, rows, [nothing, nothing, window, nothing], users)
  x = __torch__.tandem.model.embed(model, tokens, adapters.prompts, torch.view(none, [2, 0]), adapters.full,
                                   nothing, none)
  for number in range(len(model.layers)):
    x = __torch__.tandem.block.forward(model, number, x, self.caches[0], adapters, self.arenas[0],
                                       batch)
  torch.copy_(self.arenas[0].last[window[0] : window[0] + tokens.size(0)], x)

# rows of the arena [n] -> [n, V], or none if they are not taught
def logits(self: __torch__.tandem.teacher.Teacher, rows: Tensor, taught: bool) -> Optional[Tensor]:
  wanted = annotate(Optional[Tensor], None)
  if taught:
    last = torch.index_select(self.arenas[0].last, 0, rows)
    wanted = __torch__.tandem.model.logits(self.models[0], last, None)
  return wanted
