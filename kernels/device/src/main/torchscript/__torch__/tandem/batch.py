# The rows of one iteration, in this order: decode rows, prefill chunks, fine-tuning window.
class Batch:
  # [N, 1, D] float32, of each row's position
  cos : Tensor
  sin : Tensor
  # row of the cache that each inference row writes
  cache_rows : Tensor
  inference_rows : int
  # three numbers per group of decode rows: first slot, slots spanned, longest context
  groups : List[int]
  # how many slots all groups span, and where among them each decode row sits
  group_slots : int
  group_places : Tensor
  # per group: additive [slots spanned, 1, 1, longest context]
  group_masks : List[Tensor]
  # four numbers per chunk: first row, rows, slot, position of the first row
  chunks : List[int]
  # first row of the arena that goes forward, and three numbers per sequence with rows in the
  # window: where it starts in the arena, its first row and its last row's end in the window
  window_from : int
  windows : List[int]
  # per linear of a layer, true where a column of the adapters' joined rank belongs to none of the
  # row's adapters; empty list if every row uses all active adapters
  masks : List[Tensor]
  def __init__(self: __torch__.tandem.batch.Batch, cos: Tensor, sin: Tensor, cache_rows: Tensor,
               groups: List[int], chunks: List[int], window_from: int,
               windows: List[int]) -> None:
    self.cos = cos
    self.sin = sin
    self.cache_rows = cache_rows
    self.inference_rows = cache_rows.size(0)
    self.groups = groups
    self.group_slots = 0
    self.group_places = torch.empty([0], dtype=4)
    self.group_masks = annotate(List[Tensor], [])
    self.chunks = chunks
    self.window_from = window_from
    self.windows = windows
    self.masks = annotate(List[Tensor], [])

# places and contexts [decode rows]: group_places, and each row's context length, itself included.
def add_groups_(self: __torch__.tandem.batch.Batch, places: Tensor, contexts: Tensor,
                dtype: int) -> None:
  self.group_places = places
  for i in range(len(self.groups) // 3):
    self.group_slots = self.group_slots + self.groups[3 * i + 1]
  lengths = torch.index_put(torch.ones([self.group_slots], dtype=4), [places], contexts)
  lengths = torch.unsqueeze(lengths, 1)
  at = 0
  for i in range(len(self.groups) // 3):
    span, longest = self.groups[3 * i + 1 : 3 * i + 3]
    hidden = torch.ge(torch.unsqueeze(torch.arange(longest), 0), lengths[at : at + span])
    mask = torch.masked_fill(torch.zeros([span, longest], dtype=dtype), hidden, -inf)
    self.group_masks.append(torch.view(mask, [span, 1, 1, longest]))
    at = at + span
