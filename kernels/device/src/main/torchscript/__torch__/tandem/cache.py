# Keys and values of inference: one tensor [slots * capacity, K, D] per layer, so that the rows of
# all sequences are written by one operation.
class Cache:
  keys : List[Tensor]
  values : List[Tensor]
  slots : int
  capacity : int
  def __init__(self: __torch__.tandem.cache.Cache, layers: int, slots: int, capacity: int,
               kv_heads: int, head_dim: int, dtype: int) -> None:
    self.keys = annotate(List[Tensor], [])
    self.values = annotate(List[Tensor], [])
    self.slots = slots
    self.capacity = capacity
    for layer in range(layers):
      self.keys.append(torch.zeros([slots * capacity, kv_heads, head_dim], dtype=dtype))
      self.values.append(torch.zeros([slots * capacity, kv_heads, head_dim], dtype=dtype))

# Clears positions [first, end) of a slot.
def clear_(self: __torch__.tandem.cache.Cache, slot: int, first: int, end: int) -> None:
  start = slot * self.capacity
  for keys in self.keys:
    torch.zero_(keys[start + first : start + end])
  for values in self.values:
    torch.zero_(values[start + first : start + end])
