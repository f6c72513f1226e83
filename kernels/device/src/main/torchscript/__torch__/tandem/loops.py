# A recursive model loop by loop. After each loop but the last, rows may leave it: what is drawn there is their next
# token, and later loops have the keys and values that the rows' state there gives. The host decides, so each loop is a
# call. Rows go through all loops in one iteration, or through one loop, beside rows in other loops.
class Passage:
  # of the last call's rows [N, C]
  x : Tensor
  # what batch.observe_ saw of them in the loops so far
  seen : List[Tensor]
  # of rows that go through one loop beside others: which one, from 0, the rows, groups of full.logits, and top as in
  # iteration.draw
  loop : int
  inputs : List[__torch__.tandem.inputs.Inputs]
  depths : List[__torch__.tandem.depth.Depth]
  headed : List[int]
  top : int
  def __init__(self: __torch__.tandem.loops.Passage, x: Tensor) -> None:
    self.x = x
    self.seen = annotate(List[Tensor], [])
    self.loop = 0
    self.inputs = annotate(List[__torch__.tandem.inputs.Inputs], [])
    self.depths = annotate(List[__torch__.tandem.depth.Depth], [])
    self.headed = annotate(List[int], [])
    self.top = -1

# Before the first loop.
def new(model: __torch__.tandem.model.Model) -> __torch__.tandem.loops.Passage:
  nothing = torch.empty([0, model.shape.hidden], dtype=model.embedding.dtype, device=model.embedding.device)
  return __torch__.tandem.loops.Passage(nothing)

# rows: of the last call's, or behind those of cache.held
def select(self: __torch__.tandem.loops.Passage, cache: __torch__.tandem.cache.Cache, rows: List[int]) -> Tensor:
  source = self.x if max(rows) < self.x.size(0) else torch.cat([self.x, cache.held])
  return torch.index_select(source, 0, torch.tensor(rows, dtype=4, device=source.device))

# numbers, ..., exits: as in iteration.forward, of the rows that go on. layers: the first of the loop's, and the end;
# rows: as in select, none in the first loop. left: those of them that have left but are in a segment with others that
# have not; they stay what they are.
# Returns, of rows that may leave, what iteration.draw does and how likely the most likely token is [S] float32, nothing
# if there are none; after the last loop what iteration.results does.
def forward_(self: __torch__.tandem.loops.Passage, model: __torch__.tandem.model.Model,
             cache: __torch__.tandem.cache.Cache,
             adapters: __torch__.tandem.adapter.change.Changes,
             singles: List[__torch__.tandem.adapter.row_adapters.Singles],
             arena: __torch__.tandem.arena.Arena, teacher: __torch__.tandem.teacher.Teacher,
             numbers: Tensor, sizes: List[int], layout: List[List[int]], mixed: bool, top: int,
             learning: int, taught: bool, exits: float, layers: List[int], rows: List[int],
             left: List[int]) -> List[Tensor]:
  inputs = __torch__.tandem.inputs.Inputs(torch.to(numbers, model.embedding.device), sizes)
  depth = __torch__.tandem.depth.new(model, adapters, singles, inputs, layout, mixed)
  batch = depth.batches[0]
  first, end = layers
  if first == 0:
    x = __torch__.tandem.iteration.embed(model, adapters, arena, inputs, batch, layout, teacher, taught)
  else:
    x = __torch__.tandem.loops.select(self, cache, rows)
  places = torch.tensor(left, dtype=4, device=x.device)
  still = torch.index_select(x, 0, places)
  for number in range(first, end):
    x = __torch__.tandem.depth.forward(depth, model, number, x, cache, adapters, arena)
    if exits > 0.:
      __torch__.tandem.iteration.exit_(model, adapters.full, number, x, arena, teacher, inputs, batch, layout,
                                       learning, taught, exits)
    if len(left) > 0:
      x = torch.index_copy(x, 0, places, still)
  self.x = x
  for seen in batch.seen:
    self.seen.append(seen)
  if end == len(model.layers):
    batch.seen = self.seen
    return __torch__.tandem.iteration.results(model, adapters.full, x, arena, teacher, inputs, batch, layout, top,
                                              learning, taught)
  return __torch__.tandem.loops.draw(model, adapters.full, x, inputs, layout[9], top, True)

# x [N, C], groups: as in iteration.wanted; top: as in iteration.draw -> what that does of the wanted tokens and, if
# they may leave, how likely the most likely token is [S] float32; nothing if there are none
def draw(model: __torch__.tandem.model.Model, full: __torch__.tandem.adapter.full.Full, x: Tensor,
         inputs: __torch__.tandem.inputs.Inputs, groups: List[int], top: int, leaves: bool) -> List[Tensor]:
  results = annotate(List[Tensor], [])
  if inputs.wanted.size(0) > 0:
    logits, drawn = __torch__.tandem.iteration.wanted(model, full, x, inputs, groups)
    results = __torch__.tandem.iteration.draw(logits, drawn, inputs, top)
    if leaves:
      results.append(torch.amax(torch.softmax(drawn, 1), [1]))
  return results

# Rows that go through one loop beside others in other loops. singles, ..., mixed: as in depth.new; top: as in draw;
# slots: of cache.held where they are so far, if that is not the first loop.
def enter_(self: __torch__.tandem.loops.Passage, model: __torch__.tandem.model.Model,
           cache: __torch__.tandem.cache.Cache,
           adapters: __torch__.tandem.adapter.change.Changes,
           singles: List[__torch__.tandem.adapter.row_adapters.Singles], numbers: Tensor,
           sizes: List[int], layout: List[List[int]], mixed: bool, top: int, loop: int,
           slots: List[int]) -> None:
  inputs = __torch__.tandem.inputs.Inputs(torch.to(numbers, model.embedding.device), sizes)
  self.inputs = [inputs]
  self.depths = [__torch__.tandem.depth.new(model, adapters, singles, inputs, layout, mixed)]
  self.loop, self.headed, self.top = loop, layout[9], top
  if loop == 0:
    self.x = __torch__.tandem.model.embed(model, inputs.rows[0], adapters.prompts, inputs.virtual, adapters.full,
                                          layout[8], inputs.embedded)
  else:
    self.x = torch.index_select(cache.held, 0, torch.tensor(slots, dtype=4, device=cache.held.device))

# Rows in different loops through one of them each, of so many. Returns what draw does of each passage.
def together_(passages: List[__torch__.tandem.loops.Passage], model: __torch__.tandem.model.Model,
              cache: __torch__.tandem.cache.Cache,
              adapters: __torch__.tandem.adapter.change.Changes,
              arena: __torch__.tandem.arena.Arena, loops: int) -> List[Tensor]:
  block = len(model.layers) // loops
  for layer in range(block):
    numbers = annotate(List[int], [])
    xs = annotate(List[Tensor], [])
    batches = annotate(List[__torch__.tandem.batch.Batch], [])
    for passage in passages:
      number = passage.loop * block + layer
      view = __torch__.tandem.depth.view(passage.depths[0], number)
      if view >= 0:
        numbers.append(number)
        xs.append(__torch__.tandem.depth.take(passage.depths[0], view, passage.x))
        batches.append(passage.depths[0].batches[view])
    if len(numbers) > 0:
      ys = __torch__.tandem.together.forward(model, numbers, xs, cache, adapters, arena, batches)
      at = 0
      for passage in passages:
        view = __torch__.tandem.depth.view(passage.depths[0], passage.loop * block + layer)
        if view >= 0:
          passage.x = __torch__.tandem.depth.put(passage.depths[0], view, passage.x, ys[at])
          at = at + 1
  results = annotate(List[Tensor], [])
  for passage in passages:
    results = results + __torch__.tandem.loops.draw(model, adapters.full, passage.x, passage.inputs[0], passage.headed,
                                                    passage.top, passage.loop + 1 < loops)
  return results

# Holds rows that go on in a later iteration.
def hold_(self: __torch__.tandem.loops.Passage, cache: __torch__.tandem.cache.Cache, rows: List[int],
          slots: List[int]) -> None:
  own = torch.tensor(rows, dtype=4, device=self.x.device)
  torch.index_copy_(cache.held, 0, torch.tensor(slots, dtype=4, device=self.x.device),
                    torch.index_select(self.x, 0, own))

# Rows that have left: writes their keys and values in all layers from first on, and nothing else. rows: as in select.
def keep_(self: __torch__.tandem.loops.Passage, model: __torch__.tandem.model.Model,
          cache: __torch__.tandem.cache.Cache,
          adapters: __torch__.tandem.adapter.change.Changes,
          singles: List[__torch__.tandem.adapter.row_adapters.Singles], numbers: Tensor,
          sizes: List[int], layout: List[List[int]], mixed: bool, first: int, rows: List[int]) -> None:
  inputs = __torch__.tandem.inputs.Inputs(torch.to(numbers, model.embedding.device), sizes)
  depth = __torch__.tandem.depth.new(model, adapters, singles, inputs, layout, mixed)
  x = __torch__.tandem.loops.select(self, cache, rows)
  for number in range(first, len(model.layers)):
    __torch__.tandem.depth.keep_(depth, model, number, x, cache, adapters)
