# A recursive model loop by loop. After each loop but the last, rows may leave it: what is drawn there is their next
# token, and later loops have the keys and values that the rows' state there gives. The host decides, so each loop is a
# call.
class Passage:
  # of the last call's rows [N, C]
  x : Tensor
  # what batch.observe_ saw of them in the loops so far
  seen : List[Tensor]
  def __init__(self: __torch__.tandem.loops.Passage, x: Tensor) -> None:
    self.x = x
    self.seen = annotate(List[Tensor], [])

# Before the first loop.
def new(model: __torch__.tandem.model.Model) -> __torch__.tandem.loops.Passage:
  nothing = torch.empty([0, model.shape.hidden], dtype=model.embedding.dtype, device=model.embedding.device)
  return __torch__.tandem.loops.Passage(nothing)

def select(x: Tensor, rows: List[int]) -> Tensor:
  if len(rows) == x.size(0):
    return x
  return torch.index_select(x, 0, torch.tensor(rows, dtype=4, device=x.device))

# numbers, ..., exits: as in iteration.forward, of the rows that go on. layers: the first of the loop's, and the end;
# rows: which of the last call's they are, in that order, empty in the first loop. held: those of them that have left
# but are in a segment with others that have not; they stay what they are.
# Returns, of rows that may leave, what iteration.draw does and how likely the most likely token is [S] float32, nothing
# if there are none; after the last loop what iteration.results does.
def forward_(self: __torch__.tandem.loops.Passage, model: __torch__.tandem.model.Model,
             cache: __torch__.tandem.cache.Cache,
             adapters: __torch__.tandem.adapter.change.Changes,
             singles: List[__torch__.tandem.adapter.row_adapters.Singles],
             arena: __torch__.tandem.arena.Arena, teacher: __torch__.tandem.teacher.Teacher,
             numbers: Tensor, sizes: List[int], layout: List[List[int]], mixed: bool, top: int,
             learning: int, taught: bool, exits: float, layers: List[int], rows: List[int],
             held: List[int]) -> List[Tensor]:
  inputs = __torch__.tandem.inputs.Inputs(torch.to(numbers, model.embedding.device), sizes)
  depth = __torch__.tandem.depth.new(model, adapters, singles, inputs, layout, mixed)
  batch = depth.batches[0]
  first, end = layers
  if first == 0:
    x = __torch__.tandem.iteration.embed(model, adapters, arena, inputs, batch, layout, teacher, taught)
  else:
    x = __torch__.tandem.loops.select(self.x, rows)
  waiting = torch.tensor(held, dtype=4, device=x.device)
  still = torch.index_select(x, 0, waiting)
  for number in range(first, end):
    x = __torch__.tandem.depth.forward(depth, model, number, x, cache, adapters, arena)
    if exits > 0.:
      __torch__.tandem.iteration.exit_(model, adapters.full, number, x, arena, teacher, inputs, batch, layout,
                                       learning, taught, exits)
    if len(held) > 0:
      x = torch.index_copy(x, 0, waiting, still)
  self.x = x
  for seen in batch.seen:
    self.seen.append(seen)
  if end == len(model.layers):
    batch.seen = self.seen
    return __torch__.tandem.iteration.results(model, adapters.full, x, arena, teacher, inputs, batch, layout, top,
                                              learning, taught)
  results = annotate(List[Tensor], [])
  if inputs.wanted.size(0) > 0:
    logits, drawn = __torch__.tandem.iteration.wanted(model, adapters.full, x, inputs, layout[9])
    results = __torch__.tandem.iteration.draw(logits, drawn, inputs, top)
    results.append(torch.amax(torch.softmax(drawn, 1), [1]))
  return results

# Rows that have left: writes their keys and values in all layers from first on. rows: which of the last call's they are.
def leave_(self: __torch__.tandem.loops.Passage, model: __torch__.tandem.model.Model,
           cache: __torch__.tandem.cache.Cache,
           adapters: __torch__.tandem.adapter.change.Changes,
           singles: List[__torch__.tandem.adapter.row_adapters.Singles], numbers: Tensor,
           sizes: List[int], layout: List[List[int]], mixed: bool, first: int, rows: List[int]) -> None:
  inputs = __torch__.tandem.inputs.Inputs(torch.to(numbers, model.embedding.device), sizes)
  depth = __torch__.tandem.depth.new(model, adapters, singles, inputs, layout, mixed)
  x = __torch__.tandem.loops.select(self.x, rows)
  for number in range(first, len(model.layers)):
    __torch__.tandem.depth.keep_(depth, model, number, x, cache, adapters)
