# Keys and values of inference: one tensor [slots * capacity, K, D] per layer, so that the rows of
# all sequences are written by one operation.
class Cache:
  keys : List[Tensor]
  values : List[Tensor]
  slots : int
  capacity : int
  # of each slot's row that goes on with a recursive model's next loop in a later iteration, what it is so far
  # [slots, C]; without rows for other models
  held : Tensor
  # like: of the type and on the device that they get
  def __init__(self: __torch__.tandem.cache.Cache, shape: __torch__.tandem.model.Shape,
               slots: int, capacity: int, held: int, like: Tensor) -> None:
    self.keys = annotate(List[Tensor], [])
    self.values = annotate(List[Tensor], [])
    self.slots = slots
    self.capacity = capacity
    self.held = torch.zeros([held, shape.hidden], dtype=like.dtype, device=like.device)
    size = [slots * capacity, shape.kv_heads, shape.head_dim]
    for layer in range(shape.layers):
      self.keys.append(torch.zeros(size, dtype=like.dtype, device=like.device))
      self.values.append(torch.zeros(size, dtype=like.dtype, device=like.device))

# Clears positions [first, end) of a slot.
def clear_(self: __torch__.tandem.cache.Cache, slot: int, first: int, end: int) -> None:
  start = slot * self.capacity
  for keys in self.keys:
    torch.zero_(keys[start + first : start + end])
  for values in self.values:
    torch.zero_(values[start + first : start + end])

# Copies positions [first, end) of one slot to another.
def copy_(self: __torch__.tandem.cache.Cache, source: int, target: int, first: int,
          end: int) -> None:
  start, to = source * self.capacity, target * self.capacity
  for keys in self.keys:
    torch.copy_(keys[to + first : to + end], keys[start + first : start + end])
  for values in self.values:
    torch.copy_(values[to + first : to + end], values[start + first : start + end])
