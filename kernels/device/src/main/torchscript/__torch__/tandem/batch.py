# Rows of one iteration, in this order: decode rows, prefill chunks, fine-tuning window.
class Batch:
  # per rotary table of the model: [N, 1, R] float32, of each row's position
  cos : List[Tensor]
  sin : List[Tensor]
  # row of the cache that each inference row writes
  cache_rows : Tensor
  inference_rows : int
  # three numbers per group of decode rows: first slot, slots spanned, longest context
  groups : List[int]
  # how many slots all groups span, and where among them each decode row sits
  group_slots : int
  group_places : Tensor
  # per window of the model, per group: additive [slots spanned, 1, 1, longest context]
  group_masks : List[List[Tensor]]
  # four numbers per chunk: first row, rows, slot, position of the first row
  chunks : List[int]
  # first row of the arena that goes forward, and five numbers per sequence with rows in the window:
  # where it starts in the arena, its first row and its last row's end in the window, and the adapter
  # slot with the keys and values that come before it, and of how many virtual tokens, see prefix.py
  window_from : int
  windows : List[int]
  # of ranges of rows whose inputs of attention and of the MLP are wanted, first row and end; and these
  # inputs [n, C], layer by layer
  observed : List[int]
  seen : List[Tensor]
  # the rows' adapters
  users : __torch__.tandem.adapter.change.Users
  # layout: groups, chunks, window_from with windows after it, and observed
  def __init__(self: __torch__.tandem.batch.Batch, model: __torch__.tandem.model.Model,
               inputs: __torch__.tandem.inputs.RowInputs, layout: List[List[int]],
               users: __torch__.tandem.adapter.change.Users) -> None:
    positions = inputs.positions
    self.cos = [torch.unsqueeze(torch.index_select(table, 0, positions), 1) for table in model.cos]
    self.sin = [torch.unsqueeze(torch.index_select(table, 0, positions), 1) for table in model.sin]
    self.cache_rows = inputs.cache_rows
    self.inference_rows = inputs.cache_rows.size(0)
    self.groups = layout[0]
    self.group_slots = 0
    self.group_places = inputs.decodes[0]
    self.group_masks = annotate(List[List[Tensor]], [])
    self.chunks = layout[1]
    self.window_from = layout[2][0]
    self.windows = layout[2][1:]
    self.observed = layout[3]
    self.seen = annotate(List[Tensor], [])
    self.users = users

# x [N, C]: the input of a layer's attention, or of its MLP.
def observe_(self: __torch__.tandem.batch.Batch, x: Tensor) -> None:
  if len(self.observed) > 0:
    ranges = annotate(List[Tensor], [])
    for i in range(len(self.observed) // 2):
      first, end = self.observed[2 * i : 2 * i + 2]
      ranges.append(x[first : end])
    self.seen.append(torch.cat(ranges))

# contexts [decode rows]: each row's context length, itself included; windows: the model's.
def mask_groups_(self: __torch__.tandem.batch.Batch, contexts: Tensor, windows: List[int],
                 dtype: int) -> None:
  device = contexts.device
  for i in range(len(self.groups) // 3):
    self.group_slots = self.group_slots + self.groups[3 * i + 1]
  lengths = torch.index_put(torch.ones([self.group_slots], dtype=4, device=device),
                            [self.group_places], contexts)
  lengths = torch.unsqueeze(lengths, 1)
  for window in windows:
    masks = annotate(List[Tensor], [])
    at = 0
    for i in range(len(self.groups) // 3):
      span, longest = self.groups[3 * i + 1 : 3 * i + 3]
      positions = torch.unsqueeze(torch.arange(longest, device=device), 0)
      ends = lengths[at : at + span]
      hidden = torch.ge(positions, ends)
      if window > 0 and longest > window:
        hidden = torch.bitwise_or(hidden, torch.lt(positions, torch.sub(ends, window)))
      mask = torch.masked_fill(torch.zeros([span, longest], dtype=dtype, device=device), hidden,
                               -inf)
      masks.append(torch.view(mask, [span, 1, 1, longest]))
      at = at + span
    self.group_masks.append(masks)
