# Which rows of an iteration go through which layers. Layers with the same rows share a view of them, a batch of these
# rows alone, so a layer neither computes, nor reads or writes keys and values, for rows that skip it.
class Depth:
  # of each layer its view, -1 if no row goes through it; empty list if all rows go through all layers
  layers : List[int]
  # by view, the first has all rows
  batches : List[__torch__.tandem.batch.Batch]
  rows : List[Tensor]
  def __init__(self: __torch__.tandem.depth.Depth, layers: List[int]) -> None:
    self.layers = layers
    self.batches = annotate(List[__torch__.tandem.batch.Batch], [])
    self.rows = annotate(List[Tensor], [])

# singles: by view; layout: of all rows as in batch.Batch, runs as in row_adapters.Rows, their adapters' slots and ranks
# as in low_rank.Frozen, and the slot of own_weight.Users, or nothing. Then three lists that full.py reads, the layers
# of Depth, and the same of each other view as of all rows. mixed: whether rows differ in their adapters.
def new(model: __torch__.tandem.model.Model, adapters: __torch__.tandem.adapter.change.Changes,
        singles: List[__torch__.tandem.adapter.row_adapters.Singles],
        inputs: __torch__.tandem.inputs.Inputs, layout: List[List[int]],
        mixed: bool) -> __torch__.tandem.depth.Depth:
  self = __torch__.tandem.depth.Depth(layout[11])
  for view in range(len(inputs.views)):
    first = 0 if view == 0 else 8 * view + 4
    own = layout[first : first + 8]
    rows = inputs.views[view]
    batch = __torch__.tandem.batch.Batch(
        model, rows, own, __torch__.tandem.depth.users(model, adapters, singles[view], rows, own, mixed))
    __torch__.tandem.batch.mask_groups_(batch, rows.decodes[1], model.windows, model.embedding.dtype)
    self.batches.append(batch)
    self.rows.append(rows.rows)
  return self

def users(model: __torch__.tandem.model.Model, adapters: __torch__.tandem.adapter.change.Changes,
          singles: __torch__.tandem.adapter.row_adapters.Singles,
          rows: __torch__.tandem.inputs.RowInputs, layout: List[List[int]],
          mixed: bool) -> __torch__.tandem.adapter.change.Users:
  stacks = rows.stacks
  missing = __torch__.tandem.ops.rows.missing(rows.positions.size(0), model.head.padded)
  if missing > 0 and (mixed or len(singles.joined.owners) > 0):
    stacks = torch.constant_pad_nd(stacks, [0, missing], -1)
  low_rank = __torch__.tandem.adapter.row_adapters.Rows(
      layout[4], __torch__.tandem.adapter.low_rank.Frozen(layout[5], layout[6]), singles)
  own = layout[7]
  if len(own) > 0:
    own = own + [rows.cache_rows.size(0)]
  return __torch__.tandem.adapter.change.users(adapters, low_rank, stacks, mixed, rows.single,
                                               own)

# The view of a layer, -1 if no row goes through it.
def view(self: __torch__.tandem.depth.Depth, number: int) -> int:
  return self.layers[number] if len(self.layers) > 0 else 0

# x of all rows [N, C] -> those of a view
def take(self: __torch__.tandem.depth.Depth, view: int, x: Tensor) -> Tensor:
  return x if view == 0 else torch.index_select(x, 0, self.rows[view])

# The same with what became of those.
def put(self: __torch__.tandem.depth.Depth, view: int, x: Tensor, y: Tensor) -> Tensor:
  return y if view == 0 else torch.index_copy(x, 0, self.rows[view], y)

# x [N, C] -> [N, C], what the layer makes of it; rows that skip it stay as they are.
def forward(self: __torch__.tandem.depth.Depth, model: __torch__.tandem.model.Model, number: int,
            x: Tensor, cache: __torch__.tandem.cache.Cache,
            adapters: __torch__.tandem.adapter.change.Changes,
            arena: __torch__.tandem.arena.Arena) -> Tensor:
  view = __torch__.tandem.depth.view(self, number)
  if view < 0:
    return x
  batch = self.batches[view]
  y = __torch__.tandem.block.forward(model, number, __torch__.tandem.depth.take(self, view, x), cache,
                                     adapters, arena, batch)
  if view > 0:
    # What is observed goes through all layers.
    for seen in batch.seen:
      self.batches[0].seen.append(seen)
    batch.seen = annotate(List[Tensor], [])
  return __torch__.tandem.depth.put(self, view, x, y)

# The same of rows of which nothing but keys and values is wanted.
def keep_(self: __torch__.tandem.depth.Depth, model: __torch__.tandem.model.Model, number: int,
          x: Tensor, cache: __torch__.tandem.cache.Cache,
          adapters: __torch__.tandem.adapter.change.Changes) -> None:
  view = __torch__.tandem.depth.view(self, number)
  if view >= 0:
    __torch__.tandem.block.keep_(model, number, __torch__.tandem.depth.take(self, view, x), cache, adapters,
                                 self.batches[view])
