# Low-rank adapters (LoRA), several at once. A bank belongs to one linear of one layer; bank
# numbers count the linears of all layers, see linears.py. The parts of a joined
# linear have their rows one after the other in A, and the same rows of B are block-diagonal.
# y += (x A^T) B, with the scaling inside B. P slots, R ranks of all parts together. A rank may be a bias: its
# A is zero, and one is added to x A^T. Slots hold finite numbers only, because zero times an infinite B is
# not zero. How the rows of a batch use them is in row_adapters.py.
class Adapters:
  # linears of a layer
  linears : int
  # per bank: slots preallocated, [P, R, in] and [P, R, out]
  a : List[Tensor]
  b : List[Tensor]
  # per bank: one for ranks that are biases, zero for others [P, R]; and per slot whether it has any
  constants : List[Tensor]
  biased : List[bool]
  # per bank: A and constants once more, the first table of bags.py. It has what a slot had when that was turned last.
  # Empty list with experts, whose rows read joined ranks
  turned : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.low_rank.Adapters, linears: int) -> None:
    self.linears = linears
    self.turned = annotate(List[Tensor], [])
    self.a = annotate(List[Tensor], [])
    self.b = annotate(List[Tensor], [])
    self.constants = annotate(List[Tensor], [])
    self.biased = annotate(List[bool], [])

# Adapters that rows use and that do not learn.
class Frozen:
  slots : List[int]
  # per slot a number for each linear of a layer
  ranks : List[int]
  def __init__(self: __torch__.tandem.adapter.low_rank.Frozen, slots: List[int],
               ranks: List[int]) -> None:
    self.slots = slots
    self.ranks = ranks

# sizes: for each linear of a layer its parts, inputs and outputs; like: of the type and on the
# device that the slots get; turned: whether single rows read them
def new(layers: int, slots: int, rank: int, sizes: List[int], like: Tensor,
        turned: bool) -> __torch__.tandem.adapter.low_rank.Adapters:
  dtype, device = like.dtype, like.device
  self = __torch__.tandem.adapter.low_rank.Adapters(len(sizes) // 3)
  for layer in range(layers):
    for linear in range(self.linears):
      parts, inputs, outputs = sizes[3 * linear : 3 * linear + 3]
      self.a.append(torch.zeros([slots, parts * rank, inputs], dtype=dtype, device=device))
      self.b.append(torch.zeros([slots, parts * rank, outputs], dtype=dtype, device=device))
      self.constants.append(torch.zeros([slots, parts * rank], dtype=dtype, device=device))
      if turned:
        self.turned.append(__torch__.tandem.adapter.bags.new_table(
            self.a[len(self.a) - 1], parts * __torch__.tandem.adapter.bags.group(rank)))
  for slot in range(slots):
    self.biased.append(False)
  return self

def clear_(self: __torch__.tandem.adapter.low_rank.Adapters, slot: int) -> None:
  for bank in range(len(self.a)):
    torch.zero_(self.a[bank][slot])
    torch.zero_(self.b[bank][slot])
    if self.biased[slot]:
      torch.zero_(self.constants[bank][slot])
  self.biased[slot] = False

# places: three numbers for each part: bank, and its first row and column there. Its factors are a
# [rank, in] and b [rank, width] float32, on any device. All else in the slot is zero.
def put_(self: __torch__.tandem.adapter.low_rank.Adapters, slot: int, places: List[int],
         a: List[Tensor], b: List[Tensor]) -> None:
  for i in range(len(a)):
    bank, row, column = places[3 * i : 3 * i + 3]
    end, width = row + a[i].size(0), b[i].size(1)
    torch.copy_(self.a[bank][slot, row : end], a[i])
    torch.copy_(self.b[bank][slot, row : end, column : column + width], b[i])

# places: bank and row of each rank that is a bias.
def put_constants_(self: __torch__.tandem.adapter.low_rank.Adapters, slot: int,
                   places: List[int]) -> None:
  for i in range(len(places) // 2):
    bank, row = places[2 * i : 2 * i + 2]
    torch.fill_(self.constants[bank][slot, row], 1.)
    self.biased[slot] = True

# What is added to x A^T of a slot's first ranks, if they have biases.
def constant(self: __torch__.tandem.adapter.low_rank.Adapters, bank: int, slot: int,
             ranks: int) -> Optional[Tensor]:
  constant = annotate(Optional[Tensor], None)
  if self.biased[slot]:
    constant = self.constants[bank][slot, :ranks]
  return constant

# Before rows have bags with the slot. ranks: a number for each linear of a layer
def turn_(self: __torch__.tandem.adapter.low_rank.Adapters, slot: int, ranks: List[int]) -> None:
  for bank in range(len(self.turned)):
    rank = ranks[bank % self.linears]
    __torch__.tandem.adapter.bags.fill_(self.turned[bank][slot], self.a[bank][slot, :rank],
                                        self.constants[bank][slot, :rank])

# The factors of one adapter in a bank: A [ranks, in], B [ranks, out]
def factors(self: __torch__.tandem.adapter.low_rank.Adapters, frozen: __torch__.tandem.adapter.low_rank.Frozen,
            i: int, bank: int) -> Tuple[Tensor, Tensor]:
  rank = frozen.ranks[self.linears * i + bank % self.linears]
  return (self.a[bank][frozen.slots[i], :rank], self.b[bank][frozen.slots[i], :rank])

# y [n, out] plus what the adapters add to the output for x [n, in]
def forward_frozen(self: __torch__.tandem.adapter.low_rank.Adapters,
                   frozen: __torch__.tandem.adapter.low_rank.Frozen, bank: int, x: Tensor,
                   y: Tensor) -> Tensor:
  for i in range(len(frozen.slots)):
    a, b = __torch__.tandem.adapter.low_rank.factors(self, frozen, i, bank)
    constant = __torch__.tandem.adapter.low_rank.constant(self, bank, frozen.slots[i], a.size(0))
    y = torch.addmm(y, torch.linear(x, a, constant), b)
  return y

# dx [n, in] plus what the adapters add to it for dy [n, out]
def backward_frozen(self: __torch__.tandem.adapter.low_rank.Adapters,
                    frozen: __torch__.tandem.adapter.low_rank.Frozen, bank: int, dy: Tensor,
                    dx: Tensor) -> Tensor:
  for i in range(len(frozen.slots)):
    a, b = __torch__.tandem.adapter.low_rank.factors(self, frozen, i, bank)
    dx = torch.addmm(dx, torch.linear(dy, b), a)
  return dx

# What one module of a bank learns.
class Part:
  bank : int
  # rows of the bank's joined rank, columns of the bank's output
  row : int
  rank : int
  column : int
  width : int
  # so many of the first ranks are in the slot; the others are zeros there, and so are their gradients
  used : int
  scaling : float
  # as in soft_mask.py, how much each rank counts [rank] and dm / de; none if all count
  mask : Optional[Tensor]
  slope : Tensor
  # as in estimate.py, per lane; no numbers if outputs are not compared
  compared : Tensor
  # where B^T begins in the vector
  at : int
  # views: B^T [rank, width] and per lane its gradient
  b : Tensor
  db : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.low_rank.Part, place: List[int], scaling: float,
               b: Tensor, db: List[Tensor]) -> None:
    self.bank = place[0]
    self.row = place[1]
    self.rank = place[2]
    self.column = place[3]
    self.width = place[4]
    self.used = place[2]
    self.scaling = scaling
    self.mask = annotate(Optional[Tensor], None)
    self.slope = b
    self.compared = torch.zeros([0], device=b.device)
    self.at = place[5]
    self.b = b
    self.db = db

# The bias of a part that learns.
class Bias:
  part : __torch__.tandem.adapter.low_rank.Part
  # its rank
  row : int
  # views: [width] and per lane its gradient
  w : Tensor
  dw : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.low_rank.Bias,
               part: __torch__.tandem.adapter.low_rank.Part, row: int, w: Tensor,
               dw: List[Tensor]) -> None:
    self.part = part
    self.row = row
    self.w = w
    self.dw = dw

# What a trainee learns in one bank. Ranks that do not learn are in its slot behind those that do.
class Learner:
  # views of its vector: A [ranks that learn, in] of all parts, and per lane its gradient
  a : Tensor
  da : List[Tensor]
  # where A begins in the vector
  at : int
  # all ranks
  ranks : int
  parts : List[__torch__.tandem.adapter.low_rank.Part]
  biases : List[__torch__.tandem.adapter.low_rank.Bias]
  def __init__(self: __torch__.tandem.adapter.low_rank.Learner, a: Tensor, da: List[Tensor],
               at: int, ranks: int) -> None:
    self.a = a
    self.da = da
    self.at = at
    self.ranks = ranks
    self.parts = annotate(List[__torch__.tandem.adapter.low_rank.Part], [])
    self.biases = annotate(List[__torch__.tandem.adapter.low_rank.Bias], [])

# Copies what was learned into the adapter's slot. Returns what the slot has now.
def publish_(self: __torch__.tandem.adapter.low_rank.Learner,
             adapters: __torch__.tandem.adapter.low_rank.Adapters, slot: int,
             bank: int) -> List[Tensor]:
  ranks = self.a.size(0)
  if ranks == 0:
    return annotate(List[Tensor], [])
  a = adapters.a[bank][slot, :ranks]
  b = adapters.b[bank][slot, :ranks]
  torch.copy_(a, self.a)
  for part in self.parts:
    block = b[part.row : part.row + part.rank, part.column : part.column + part.width]
    scaled, mask = torch.mul(part.b, part.scaling), part.mask
    torch.copy_(block, scaled if mask is None else torch.mul(scaled, torch.unsqueeze(mask, 1)))
    if part.used < part.rank:
      torch.zero_(a[part.row + part.used : part.row + part.rank])
      torch.zero_(block[part.used :])
  published = [a, b]
  for bias in self.biases:
    part = bias.part
    numbers = adapters.b[bank][slot, bias.row, part.column : part.column + part.width]
    torch.copy_(numbers, torch.mul(bias.w, part.scaling))
    published.append(numbers)
  return published

# y [n, out] plus what the adapter in the slot adds to the output for x [n, in]
def forward_learner(self: __torch__.tandem.adapter.low_rank.Learner,
                    adapters: __torch__.tandem.adapter.low_rank.Adapters, slot: int, bank: int,
                    x: Tensor, y: Tensor) -> Tensor:
  if self.ranks == 0:
    return y
  a = adapters.a[bank][slot, : self.ranks]
  constant = __torch__.tandem.adapter.low_rank.constant(adapters, bank, slot, self.ranks)
  return torch.addmm(y, torch.linear(x, a, constant), adapters.b[bank][slot, : self.ranks])

# The adapter's share of a linear's backward pass where nothing learns, as below.
def backward_resting(self: __torch__.tandem.adapter.low_rank.Learner,
                     adapters: __torch__.tandem.adapter.low_rank.Adapters, slot: int, bank: int,
                     dy: Tensor, dx: Tensor) -> Tensor:
  if self.ranks == 0:
    return dx
  a = adapters.a[bank][slot, : self.ranks]
  return torch.addmm(dx, torch.linear(dy, adapters.b[bank][slot, : self.ranks]), a)

# The adapter's share of a linear's backward pass. x [n, in] its input, dy [n, out] the gradient
# of its output, dx [n, in] that of its input through all else. Adds to the lane's gradients
# of A and B, returns dx with the adapter's share.
def backward_learner(self: __torch__.tandem.adapter.low_rank.Learner, lane: int,
                     adapters: __torch__.tandem.adapter.low_rank.Adapters, slot: int, bank: int,
                     x: Tensor, dy: Tensor, dx: Tensor) -> Tensor:
  if self.ranks == 0:
    return dx
  learning = self.a.size(0)
  a = adapters.a[bank][slot, : self.ranks]
  b = adapters.b[bank][slot, : self.ranks]
  u = torch.linear(x, a[:learning])
  du = torch.linear(dy, b)
  torch.add_(self.da[lane], torch.matmul(torch.t(du[:, :learning]), x))
  for part in self.parts:
    u_part = u[:, part.row : part.row + part.rank]
    dy_part = dy[:, part.column : part.column + part.width]
    torch.add_(part.db[lane], torch.matmul(torch.t(u_part), dy_part), alpha=part.scaling)
  for bias in self.biases:
    part = bias.part
    dy_part = dy[:, part.column : part.column + part.width]
    torch.add_(bias.dw[lane], torch.sum(dy_part, [0], dtype=6), alpha=part.scaling)
  return torch.addmm(dx, du, a)
