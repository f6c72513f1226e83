# Products of single rows with factors of their own, read where these lie, by libtorch's embedding bags: each is a sum
# of rows of a table, every row times a number. So u = A x takes a table with a row for each input, in which W ranks lie
# side by side: a group. y += B u takes one with a row for each rank, cut into blocks of columns, of which a bag has
# only the ranks that change them. What iterations take with them is in docs/results.
class Bags:
  # so many of the first rows have bags, maybe empty ones
  rows : int
  # groups in use; 0 if the rows' adapters have none here
  groups : int
  # the row of x that each group multiplies [groups]; absent if they are the first rows in their order
  sources : Optional[Tensor]
  # whether x gets a one behind it, which multiplies biases
  biased : bool
  # rows of the first table, as many for each group as x has numbers, and where each group begins
  down : Tensor
  down_starts : Tensor
  # rows of the second table, in the order of the bags, and where each bag begins [rows * blocks]
  up : Tensor
  up_starts : Tensor
  # which of the numbers of u each of those is multiplied with [up]; absent if that is their order
  taken : Optional[Tensor]
  # columns of a block
  width : int
  def __init__(self: __torch__.tandem.adapter.bags.Bags, rows: int, width: int, biased: bool,
               inputs: int, sources: Tensor, starts: Tensor, taken: Tensor, up: Tensor,
               up_starts: Tensor) -> None:
    self.rows = rows
    self.groups = starts.size(0)
    self.width = width
    self.biased = biased
    self.sources = annotate(Optional[Tensor], None)
    if sources.size(0) > 0:
      self.sources = sources
    self.taken = annotate(Optional[Tensor], None)
    if taken.size(0) > 0:
      self.taken = taken
    used = inputs + 1 if biased else inputs
    each = torch.arange(used, dtype=4, device=starts.device)
    down = torch.add(torch.unsqueeze(torch.mul(starts, inputs + 1), 1), each)
    # 32 bits are enough: RowTables.java refuses larger tables.
    self.down = torch.to(torch.flatten(down), 3)
    self.down_starts = torch.arange(0, self.groups * used, used, dtype=3, device=starts.device)
    self.up = torch.to(up, 3)
    self.up_starts = torch.to(up_starts, 3)

# numbers: int64, five sections of the sizes one after the other: sources, the first table's groups that are in use,
# taken, up, up_starts; the first and the third are empty where they are absent. inputs: of a row of x
def new(rows: int, width: int, biased: bool, inputs: int, numbers: Tensor,
        sizes: List[int]) -> __torch__.tandem.adapter.bags.Bags:
  parts = torch.split_with_sizes(numbers, sizes)
  return __torch__.tandem.adapter.bags.Bags(rows, width, biased, inputs, parts[0], parts[1], parts[2],
                                            parts[3], parts[4])

# Ranks of a group.
def group(rank: int) -> int:
  return min(8, rank)

# For a table of ranks [slots, ranks, in]: the first of the two, with a row of zeros behind the inputs.
# width: of a group
def new_table(ranks: Tensor, width: int) -> Tensor:
  groups = (ranks.size(1) + width - 1) // width
  return torch.zeros([ranks.size(0), groups, ranks.size(2) + 1, width], dtype=ranks.dtype,
                     device=ranks.device)

# table: of one slot [groups, in + 1, W], gets its first ranks [n, in] and their biases [n]
def fill_(table: Tensor, ranks: Tensor, biases: Tensor) -> None:
  inputs, width = ranks.size(1), table.size(2)
  for first in range(0, ranks.size(0), width):
    end = min(first + width, ranks.size(0))
    group = table[first // width]
    torch.copy_(group[:inputs, : end - first], torch.t(ranks[first : end]))
    torch.copy_(group[inputs, : end - first], biases[first : end])

# x [N, in], the first table [slots, groups, in + 1, W] -> u [groups in use, W]
def multiply(self: __torch__.tandem.adapter.bags.Bags, table: Tensor, x: Tensor) -> Tensor:
  sources = self.sources
  if sources is not None:
    x = torch.index_select(x, 0, sources)
  elif self.groups < x.size(0):
    x = x[: self.groups]
  if self.biased:
    x = torch.constant_pad_nd(x, [0, 1], 1.)
  rows = torch.view(table, [-1, table.size(3)])
  return torch.embedding_bag(rows, self.down, self.down_starts, False, 0, False, torch.flatten(x),
                             False)[0]

# y [N, out] gets what the ranks of the second table [slots, R, out] add to it for u.
def add_(self: __torch__.tandem.adapter.bags.Bags, table: Tensor, u: Tensor, y: Tensor) -> None:
  u, taken = torch.view(u, [-1]), self.taken
  if taken is not None:
    u = torch.index_select(u, 0, taken)
  added = torch.embedding_bag(torch.view(table, [-1, self.width]), self.up, self.up_starts, False, 0,
                              False, u, False)[0]
  chosen = y if self.rows == y.size(0) else y[: self.rows]
  torch.add_(chosen, torch.view(added, [self.rows, -1]))
