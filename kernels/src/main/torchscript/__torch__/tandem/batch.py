# The rows of one iteration, in this order: decode rows, prefill chunks, fine-tuning window.
class Batch:
  # [N, 1, D] float32, of each row's position
  cos : Tensor
  sin : Tensor
  # row of the cache that each inference row writes
  cache_rows : Tensor
  inference_rows : int
  # five numbers per group: first row, rows, first slot, slots spanned, longest context
  groups : List[int]
  # per group: which of the spanned slots each row sits in, empty if they are the same
  group_slots : List[Tensor]
  # per group: additive [slots spanned, 1, 1, longest context]
  group_masks : List[Tensor]
  # four numbers per chunk: first row, rows, slot, position of the first row
  chunks : List[int]
  # first row of the arena that goes forward, and three numbers per sequence with rows in the
  # window: where it starts in the arena, its first row and its last row's end in the window
  window_from : int
  windows : List[int]
  # per linear of a layer, 1 where a column of the adapters' joined rank belongs to the row's
  # adapter; empty list if every row uses the only active adapter
  masks : List[Tensor]
  def __init__(self: __torch__.tandem.batch.Batch, cos: Tensor, sin: Tensor, cache_rows: Tensor,
               groups: List[int], chunks: List[int], window_from: int,
               windows: List[int]) -> None:
    self.cos = cos
    self.sin = sin
    self.cache_rows = cache_rows
    self.inference_rows = cache_rows.size(0)
    self.groups = groups
    self.group_slots = annotate(List[Tensor], [])
    self.group_masks = annotate(List[Tensor], [])
    self.chunks = chunks
    self.window_from = window_from
    self.windows = windows
    self.masks = annotate(List[Tensor], [])

# slots and contexts [decode rows]: each decode row's KV slot and context length, itself included.
def add_groups_(self: __torch__.tandem.batch.Batch, slots: Tensor, contexts: Tensor,
                dtype: int) -> None:
  for i in range(len(self.groups) // 5):
    row, count, slot, span, longest = self.groups[5 * i : 5 * i + 5]
    inside = torch.sub(slots[row : row + count], slot)
    lengths = contexts[row : row + count]
    if span == count:
      self.group_slots.append(torch.empty([0]))
    else:
      self.group_slots.append(inside)
      lengths = torch.index_put(torch.ones([span], dtype=4), [inside], lengths)
    hidden = torch.ge(torch.unsqueeze(torch.arange(longest), 0), torch.unsqueeze(lengths, 1))
    mask = torch.masked_fill(torch.zeros([span, longest], dtype=dtype), hidden, -inf)
    self.group_masks.append(torch.view(mask, [span, 1, 1, longest]))
