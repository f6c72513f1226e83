# Keys and values of virtual tokens, which come before a sequence's own in every layer's attention (prefix
# tuning, Li & Liang, 2021). Nothing else of such a token is computed: in the KV cache they are written
# where they belong, and in the arena, which has no rows for them, they are put before those of each sequence.
class Prefixes:
  # of the model's type [P, most, layers, 2, K, D]: of each layer keys, rotated already, and values
  table : Tensor
  def __init__(self: __torch__.tandem.adapter.prefix.Prefixes, table: Tensor) -> None:
    self.table = table

# like: of the type and on the device that they get
def new(shape: __torch__.tandem.model.Shape, slots: int, most: int,
        like: Tensor) -> __torch__.tandem.adapter.prefix.Prefixes:
  size = [slots, most, shape.layers, 2, shape.kv_heads, shape.head_dim]
  return __torch__.tandem.adapter.prefix.Prefixes(
      torch.zeros(size, dtype=like.dtype, device=like.device))

# numbers: none or one, [n, layers * 2 * K * D] float32 on any device
def put_(self: __torch__.tandem.adapter.prefix.Prefixes, slot: int, numbers: List[Tensor]) -> None:
  for own in numbers:
    rows = self.table[slot, : own.size(0)]
    torch.copy_(rows, torch.view(own, rows.size()))

# Those of the tokens from first to end, at the same positions of the cache's slot `target`.
def write_(self: __torch__.tandem.adapter.prefix.Prefixes, slot: int, first: int, end: int,
           cache: __torch__.tandem.cache.Cache, target: int) -> None:
  start = target * cache.capacity
  for layer in range(len(cache.keys)):
    rows = self.table[slot, first : end, layer]
    torch.copy_(cache.keys[layer][start + first : start + end], rows[:, 0])
    torch.copy_(cache.values[layer][start + first : start + end], rows[:, 1])

# What the cache's slot 0 has of the first n tokens, as in put_
def read(cache: __torch__.tandem.cache.Cache, n: int) -> Tensor:
  parts = annotate(List[Tensor], [])
  for layer in range(len(cache.keys)):
    parts.append(torch.to(torch.reshape(cache.keys[layer][:n], [n, -1]), 6))
    parts.append(torch.to(torch.reshape(cache.values[layer][:n], [n, -1]), 6))
  return torch.cat(parts, 1)

# Keys and values [T, K, D] that the last of a sequence's rows attend to; sequence: as in batch.Batch
def context(self: __torch__.tandem.adapter.prefix.Prefixes, arena: __torch__.tandem.arena.Arena,
            number: int, sequence: List[int]) -> Tuple[Tensor, Tensor]:
  origin, first, last, slot, virtual = sequence
  keys, values = arena.keys[number][origin : last], arena.values[number][origin : last]
  if virtual == 0:
    return (keys, values)
  own = self.table[slot, : virtual, number]
  return (torch.cat([own[:, 0], keys]), torch.cat([own[:, 1], values]))

# What a trainee learns.
class Learner:
  # views of its vector, [n, layers, 2, K, D], n may be 0, and per lane its gradient
  w : Tensor
  dw : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.prefix.Learner, w: Tensor, dw: List[Tensor]) -> None:
    self.w = w
    self.dw = dw

# As attention.backward_, over that context. Adds to the gradients of the arena's keys and values, and of those
# of the virtual tokens if they learn. do, q: of the last rows
def backward_(self: __torch__.tandem.adapter.prefix.Prefixes,
              learner: __torch__.tandem.adapter.prefix.Learner, lane: int,
              shape: __torch__.tandem.model.Shape, arena: __torch__.tandem.arena.Arena, number: int,
              window: int, sequence: List[int], do: Tensor, q: Tensor) -> Tensor:
  keys, values = __torch__.tandem.adapter.prefix.context(self, arena, number, sequence)
  origin, first, last, slot, n = sequence
  dkeys, dvalues = arena.dkeys[origin : last], arena.dvalues[origin : last]
  if n == 0:
    return __torch__.tandem.ops.attention.backward_(do, q, keys, values, dkeys, dvalues, shape.scale,
                                                    window, shape.cap)
  dk = torch.zeros(keys.size(), device=keys.device)
  dv = torch.zeros(values.size(), device=keys.device)
  dq = __torch__.tandem.ops.attention.backward_(do, q, keys, values, dk, dv, shape.scale, window,
                                                shape.cap)
  torch.add_(dkeys, dk[n:])
  torch.add_(dvalues, dv[n:])
  if learner.w.size(0) > 0:
    dw = learner.dw[lane][:, number]
    torch.add_(dw[:, 0], dk[:n])
    torch.add_(dw[:, 1], dv[:n])
  return dq

# Copies what was learned into the adapter's slot. Returns what the slot has now.
def publish_(self: __torch__.tandem.adapter.prefix.Learner,
             prefixes: __torch__.tandem.adapter.prefix.Prefixes, slot: int) -> List[Tensor]:
  if self.w.size(0) == 0:
    return annotate(List[Tensor], [])
  rows = prefixes.table[slot, : self.w.size(0)]
  torch.copy_(rows, self.w)
  return [rows]
