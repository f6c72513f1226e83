# Which low-rank adapters the rows of a batch use. Neighbouring rows with the same adapters, those of a
# chunk for example, are a run, which is multiplied with each of them. Other rows, such as decode rows,
# are paired with their adapters, and all pairs are multiplied at once: K adapters, G rows of each, in
# products of [G, in], [in, R] and [R, out]. Joining the ranks of all adapters in one matrix instead
# would multiply each row with K times the ranks that it uses.

# The factors of adapters that rows are paired with, copied from their slots, one after the other. What
# a slot has less than R of is zero there.
class Pack:
  # per bank: [K, R, in] and [K, R, out]; R differs between the linears of a layer, and both between views of
  # the rows, see depth.py
  a : List[Tensor]
  b : List[Tensor]
  # per bank, what is added to x A^T [K, R]; empty list if none of the adapters has biases
  constants : List[Tensor]
  # per view
  slots : List[List[int]]
  # per view, per linear of a layer: R
  ranks : List[List[int]]
  def __init__(self: __torch__.tandem.adapter.row_adapters.Pack, slots: List[List[int]],
               ranks: List[List[int]]) -> None:
    self.a = annotate(List[Tensor], [])
    self.b = annotate(List[Tensor], [])
    self.constants = annotate(List[Tensor], [])
    self.slots = slots
    self.ranks = ranks

class Rows:
  # two numbers for each run and adapter: the run's first row and the end; the adapters are in frozen
  runs : List[int]
  frozen : __torch__.tandem.adapter.low_rank.Frozen
  pack : __torch__.tandem.adapter.row_adapters.Pack
  view : int
  # of each pair the row, and its place among all [2, n]
  pairs : Tensor
  # whether the pairs are the first rows, in their order
  in_order : bool
  # the row in each place, any row in those without a pair [K G]
  sources : Tensor
  # per linear of a layer, if rows find their adapters by masks: ranks of the pack that a row has no
  # part in [N, K R]
  masks : List[Tensor]
  # per linear of a layer: the most ranks that a row of it uses
  ranks : List[int]
  def __init__(self: __torch__.tandem.adapter.row_adapters.Rows, runs: List[int],
               frozen: __torch__.tandem.adapter.low_rank.Frozen,
               pack: __torch__.tandem.adapter.row_adapters.Pack, view: int, pairs: Tensor,
               in_order: bool, places: int) -> None:
    self.runs = runs
    self.frozen = frozen
    self.pack = pack
    self.view = view
    self.pairs = pairs
    self.in_order = in_order
    self.sources = torch.index_copy(torch.zeros([places], dtype=4, device=pairs.device), 0, pairs[1],
                                    pairs[0])
    self.masks = annotate(List[Tensor], [])
    own = pack.ranks[view]
    self.ranks = __torch__.tandem.adapter.row_adapters.widest(frozen.ranks + own, len(own))

# ranks: of several adapters a number for each linear of a layer -> the most of each
def widest(ranks: List[int], linears: int) -> List[int]:
  widest = [0 for linear in range(linears)]
  for i in range(len(ranks)):
    widest[i % linears] = max(widest[i % linears], ranks[i])
  return widest

# ranks: as in low_rank.Frozen; counts: how many of the slots are those of each view; layers: as in depth.Depth. Of
# a layer those of its view are copied.
def new_pack(adapters: __torch__.tandem.adapter.low_rank.Adapters, slots: List[int],
             ranks: List[int], counts: List[int],
             layers: List[int]) -> __torch__.tandem.adapter.row_adapters.Pack:
  views = annotate(List[List[int]], [])
  widest = annotate(List[List[int]], [])
  first = 0
  for count in counts:
    end = first + count
    views.append(slots[first : end])
    widest.append(__torch__.tandem.adapter.row_adapters.widest(
        ranks[first * adapters.linears : end * adapters.linears], adapters.linears))
    first = end
  self = __torch__.tandem.adapter.row_adapters.Pack(views, widest)
  biased = False
  for slot in slots:
    biased = biased or adapters.biased[slot]
  if len(slots) > 0:
    none = torch.empty([0], device=adapters.a[0].device)
    for bank in range(len(adapters.a)):
      view = layers[bank // adapters.linears] if len(layers) > 0 else 0
      own = views[view] if view >= 0 else annotate(List[int], [])
      some = len(own) > 0
      rank = widest[view][bank % adapters.linears] if some else 0
      self.a.append(torch.stack([adapters.a[bank][slot, :rank] for slot in own]) if some else none)
      self.b.append(torch.stack([adapters.b[bank][slot, :rank] for slot in own]) if some else none)
      if biased:
        self.constants.append(
            torch.stack([adapters.constants[bank][slot, :rank] for slot in own]) if some else none)
  return self

# For rows whose linears are not known beforehand, as with experts. stacks [S, N]: the slots of each row's
# adapters, -1 for none
def mask_(self: __torch__.tandem.adapter.row_adapters.Rows, stacks: Tensor) -> None:
  rows = torch.unsqueeze(stacks, 2)
  for rank in self.pack.ranks[self.view]:
    owners = annotate(List[Tensor], [])
    for slot in self.pack.slots[self.view]:
      owners.append(torch.full([rank], slot, dtype=4, device=stacks.device))
    self.masks.append(torch.all(torch.ne(rows, torch.cat(owners)), 0))

# Whether no row's adapter changes the linear.
def is_idle(self: __torch__.tandem.adapter.row_adapters.Rows, linear: int) -> bool:
  return self.ranks[linear] == 0

# x [K, G, in], a [K, R, in], constants [K, R] if there are biases -> [K, G, R]
def down(x: Tensor, a: Tensor, constants: Optional[Tensor]) -> Tensor:
  u = torch.bmm(x, torch.transpose(a, 1, 2))
  return u if constants is None else torch.add(u, torch.unsqueeze(constants, 1))

# x [N, in], y [N, out] -> y plus what the rows' adapters add, in the place of y. mask: of these rows, if
# they find their adapters by masks
def forward_(self: __torch__.tandem.adapter.row_adapters.Rows,
             adapters: __torch__.tandem.adapter.low_rank.Adapters, bank: int, x: Tensor, y: Tensor,
             mask: Optional[Tensor]) -> Tensor:
  linear = bank % adapters.linears
  if self.ranks[linear] == 0:
    return y
  for i in range(len(self.frozen.slots)):
    first, end = self.runs[2 * i : 2 * i + 2]
    a, b = __torch__.tandem.adapter.low_rank.factors(adapters, self.frozen, i, bank)
    constant = __torch__.tandem.adapter.low_rank.constant(adapters, bank, self.frozen.slots[i], a.size(0))
    if x.dtype == 6:
      torch.addmm_(y[first : end], torch.linear(x[first : end], a, constant), b)
    else:
      run = __torch__.tandem.ops.rows.pad(x[first : end], True)
      added = torch.matmul(torch.linear(run, a, constant), b)
      torch.add_(y[first : end], added[: end - first])
  if self.pack.ranks[self.view][linear] == 0:
    return y
  a, b = self.pack.a[bank], self.pack.b[bank]
  constants = annotate(Optional[Tensor], None)
  if len(self.pack.constants) > 0:
    constants = self.pack.constants[bank]
  if mask is not None:
    u = torch.linear(x, torch.flatten(a, 0, 1))
    if constants is not None:
      u = torch.add(u, torch.flatten(constants))
    # A product with zero would let a row see what overflows in another adapter's ranks.
    return torch.addmm_(y, torch.masked_fill_(u, mask, 0.), torch.flatten(b, 0, 1))
  if self.in_order:
    rows = self.pairs.size(1)
    u = __torch__.tandem.adapter.row_adapters.down(torch.unsqueeze(x[:rows], 1), a, constants)
    torch.baddbmm_(torch.unsqueeze(y[:rows], 1), u, b)
    return y
  paired = torch.view(torch.index_select(x, 0, self.sources), [a.size(0), -1, x.size(1)])
  u = __torch__.tandem.adapter.row_adapters.down(paired, a, constants)
  added = torch.flatten(torch.bmm(u, b), 0, 1)
  return torch.index_add_(y, 0, self.pairs[0], torch.index_select(added, 0, self.pairs[1]))
