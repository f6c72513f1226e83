# Which low-rank adapters the rows of a batch use. Neighbouring rows with the same adapters, those of a
# chunk for example, are a run, which is multiplied with each of them. So are rows that lie apart but
# have an adapter in common, if they are many. Other rows, such as decode rows, are multiplied with their
# own adapters one by one, as in bags.py. Joining the ranks of all adapters in one matrix instead would
# multiply each row with K times the ranks that it uses.

# For rows whose linears are not known beforehand, as with experts, the ranks of all adapters are joined
# nevertheless: copies of their factors, and masks of what a row has no part in.
class Joined:
  # per bank: [K R, in], [K R, out] and, if any has biases, what is added to x A^T [K R]; R differs between the
  # linears of a layer, and what a slot has less is zero
  a : List[Tensor]
  b : List[Tensor]
  constants : List[Tensor]
  # per linear of a layer: the slot of each rank [K R]; empty list if no ranks are joined
  owners : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.row_adapters.Joined) -> None:
    self.a = annotate(List[Tensor], [])
    self.b = annotate(List[Tensor], [])
    self.constants = annotate(List[Tensor], [])
    self.owners = annotate(List[Tensor], [])

# Rows that find their adapters one by one, or together with others that lie apart. It is made for slots as they are.
class Singles:
  # rows that lie apart and use one adapter each time
  gathered : List[Tensor]
  frozen : __torch__.tandem.adapter.low_rank.Frozen
  # per linear of a layer, of all other rows; empty list if there are none
  bags : List[__torch__.tandem.adapter.bags.Bags]
  bottlenecks : List[__torch__.tandem.adapter.bottleneck.Singles]
  joined : __torch__.tandem.adapter.row_adapters.Joined
  # per linear of a layer: the most ranks that a row of it uses
  ranks : List[int]
  def __init__(self: __torch__.tandem.adapter.row_adapters.Singles, gathered: List[Tensor],
               frozen: __torch__.tandem.adapter.low_rank.Frozen, ranks: List[int]) -> None:
    self.gathered = gathered
    self.frozen = frozen
    self.bags = annotate(List[__torch__.tandem.adapter.bags.Bags], [])
    self.bottlenecks = annotate(List[__torch__.tandem.adapter.bottleneck.Singles], [])
    self.joined = __torch__.tandem.adapter.row_adapters.Joined()
    self.ranks = ranks

class Rows:
  # two numbers for each run and adapter: the run's first row and the end; the adapters are in frozen
  runs : List[int]
  frozen : __torch__.tandem.adapter.low_rank.Frozen
  singles : __torch__.tandem.adapter.row_adapters.Singles
  # per linear of a layer, if rows find their adapters by masks: joined ranks that a row has no part
  # in [N, K R]
  masks : List[Tensor]
  # per linear of a layer: the most ranks that a row of it uses
  ranks : List[int]
  def __init__(self: __torch__.tandem.adapter.row_adapters.Rows, runs: List[int],
               frozen: __torch__.tandem.adapter.low_rank.Frozen,
               singles: __torch__.tandem.adapter.row_adapters.Singles) -> None:
    self.runs = runs
    self.frozen = frozen
    self.singles = singles
    self.masks = annotate(List[Tensor], [])
    self.ranks = __torch__.tandem.adapter.row_adapters.widest(frozen.ranks + singles.ranks,
                                                             len(singles.ranks))

# ranks: of several adapters a number for each linear of a layer -> the most of each
def widest(ranks: List[int], linears: int) -> List[int]:
  widest = [0 for linear in range(linears)]
  for i in range(len(ranks)):
    widest[i % linears] = max(widest[i % linears], ranks[i])
  return widest

# numbers: int64, rows of each gathered adapter, as many as counts says, then what bags get. slots, ranks: of those
# adapters, and then of others, as in low_rank.Frozen. joined: slots whose ranks are joined. biased: as in
# bags.Bags. places: for each linear of a layer, unless ranks are joined, rows and width of bags.new, and five
# sizes as there. bottlenecks: 18 numbers for each kind, as in bottleneck.new_singles, of hidden states of so
# many channels
def new_singles(adapters: __torch__.tandem.adapter.low_rank.Adapters, channels: int, numbers: Tensor,
                counts: List[int], slots: List[int], ranks: List[int], joined: List[int], biased: bool,
                places: List[int],
                bottlenecks: List[int]) -> __torch__.tandem.adapter.row_adapters.Singles:
  at = sum(counts)
  gathered = annotate(List[Tensor], [])
  if at > 0:
    gathered = [part for part in torch.split_with_sizes(numbers[:at], counts)]
  frozen = __torch__.tandem.adapter.low_rank.Frozen(slots[: len(counts)],
                                                    ranks[: len(counts) * adapters.linears])
  self = __torch__.tandem.adapter.row_adapters.Singles(
      gathered, frozen, __torch__.tandem.adapter.row_adapters.widest(ranks, adapters.linears))
  for linear in range(len(places) // 7):
    rows, width = places[7 * linear : 7 * linear + 2]
    sizes = places[7 * linear + 2 : 7 * linear + 7]
    end = at + sum(sizes)
    self.bags.append(__torch__.tandem.adapter.bags.new(
        rows, width, biased, adapters.a[linear].size(2), numbers[at : end], sizes))
    at = end
  for kind in range(len(bottlenecks) // 18):
    own = bottlenecks[18 * kind : 18 * kind + 18]
    end = at + sum(own[4 : 10]) + sum(own[12 : 18])
    self.bottlenecks.append(__torch__.tandem.adapter.bottleneck.new_singles(own, channels,
                                                                           numbers[at : end]))
    at = end
  if len(joined) > 0:
    __torch__.tandem.adapter.row_adapters.join_(self, adapters, joined)
  return self

# slots: all of those whose ranks are joined
def join_(self: __torch__.tandem.adapter.row_adapters.Singles,
          adapters: __torch__.tandem.adapter.low_rank.Adapters, slots: List[int]) -> None:
  joined, biased = self.joined, False
  for slot in slots:
    biased = biased or adapters.biased[slot]
  for rank in self.ranks:
    joined.owners.append(torch.cat([
        torch.full([rank], slot, dtype=4, device=adapters.a[0].device) for slot in slots]))
  for bank in range(len(adapters.a)):
    rank = self.ranks[bank % adapters.linears]
    joined.a.append(torch.cat([adapters.a[bank][slot, :rank] for slot in slots]))
    joined.b.append(torch.cat([adapters.b[bank][slot, :rank] for slot in slots]))
    if biased:
      joined.constants.append(torch.cat([adapters.constants[bank][slot, :rank] for slot in slots]))

# stacks [S, N]: the slots of each row's adapters, -1 for none
def mask_(self: __torch__.tandem.adapter.row_adapters.Rows, stacks: Tensor) -> None:
  rows = torch.unsqueeze(stacks, 2)
  self.masks = [torch.all(torch.ne(rows, owners), 0) for owners in self.singles.joined.owners]

# Whether no row's adapter changes the linear.
def is_idle(self: __torch__.tandem.adapter.row_adapters.Rows, linear: int) -> bool:
  return self.ranks[linear] == 0

# What the adapter adds to the output for x [n, in] -> [n, out]
def added(adapters: __torch__.tandem.adapter.low_rank.Adapters,
          frozen: __torch__.tandem.adapter.low_rank.Frozen, i: int, bank: int, x: Tensor) -> Tensor:
  a, b = __torch__.tandem.adapter.low_rank.factors(adapters, frozen, i, bank)
  constant = __torch__.tandem.adapter.low_rank.constant(adapters, bank, frozen.slots[i], a.size(0))
  padded = __torch__.tandem.ops.rows.pad(x, x.dtype != 6)
  return torch.matmul(torch.linear(padded, a, constant), b)[: x.size(0)]

# x [N, in], y [N, out] -> y plus what the rows' adapters add, in the place of y. mask: of these rows, if
# they find their adapters by masks
def forward_(self: __torch__.tandem.adapter.row_adapters.Rows,
             adapters: __torch__.tandem.adapter.low_rank.Adapters, bank: int, x: Tensor, y: Tensor,
             mask: Optional[Tensor]) -> Tensor:
  linear, singles = bank % adapters.linears, self.singles
  if self.ranks[linear] == 0:
    return y
  if mask is not None:
    return __torch__.tandem.adapter.row_adapters.forward_joined_(singles.joined, bank, x, y, mask)
  for i in range(len(self.frozen.slots)):
    first, end = self.runs[2 * i : 2 * i + 2]
    acts = self.frozen.ranks[adapters.linears * i + linear] > 0
    if acts and x.dtype == 6:
      a, b = __torch__.tandem.adapter.low_rank.factors(adapters, self.frozen, i, bank)
      constant = __torch__.tandem.adapter.low_rank.constant(adapters, bank, self.frozen.slots[i],
                                                            a.size(0))
      torch.addmm_(y[first : end], torch.linear(x[first : end], a, constant), b)
    elif acts:
      torch.add_(y[first : end], __torch__.tandem.adapter.row_adapters.added(
          adapters, self.frozen, i, bank, x[first : end]))
  for i in range(len(singles.gathered)):
    if singles.frozen.ranks[adapters.linears * i + linear] > 0:
      rows = singles.gathered[i]
      torch.index_add_(y, 0, rows, __torch__.tandem.adapter.row_adapters.added(
          adapters, singles.frozen, i, bank, torch.index_select(x, 0, rows)))
  if len(singles.bags) > 0:
    bags = singles.bags[linear]
    if bags.groups > 0:
      u = __torch__.tandem.adapter.bags.multiply(bags, adapters.turned[bank], x)
      __torch__.tandem.adapter.bags.add_(bags, adapters.b[bank], u, y)
  return y

def forward_joined_(self: __torch__.tandem.adapter.row_adapters.Joined, bank: int, x: Tensor,
                    y: Tensor, mask: Tensor) -> Tensor:
  u = torch.linear(x, self.a[bank])
  if len(self.constants) > 0:
    u = torch.add(u, self.constants[bank])
  # A product with zero would let a row see what overflows in another adapter's ranks.
  return torch.addmm_(y, torch.masked_fill_(u, mask, 0.), self.b[bank])
