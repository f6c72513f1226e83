# An adapter that learns. All its factors are one float32 vector, and so are their gradients, of which
# every lane that goes backward at the same time has a vector of its own; the adapter's slot holds a
# copy in the model's type. What updates the vector is in optim/.
class Part:
  bank : int
  # rows of the bank's joined rank, columns of the bank's output
  row : int
  rank : int
  column : int
  width : int
  scaling : float
  # views: B^T [rank, width] and per lane its gradient
  b : Tensor
  db : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.trainee.Part, place: List[int], scaling: float,
               b: Tensor, db: List[Tensor]) -> None:
    self.bank = place[0]
    self.row = place[1]
    self.rank = place[2]
    self.column = place[3]
    self.width = place[4]
    self.scaling = scaling
    self.b = b
    self.db = db

class Trainee:
  slot : int
  weights : Tensor
  # [lanes, numbers]
  gradients : Tensor
  # per bank, the least and the largest numbers of A and of B as published last, [banks, 4] float32
  extremes : Tensor
  # per bank: views A [ranks, in] and per lane its gradient, and which parts it has
  a : List[Tensor]
  da : List[List[Tensor]]
  parts : List[List[__torch__.tandem.adapter.trainee.Part]]
  def __init__(self: __torch__.tandem.adapter.trainee.Trainee, slot: int,
               weights: Tensor, lanes: int, banks: int) -> None:
    self.slot = slot
    self.weights = weights
    self.gradients = torch.zeros([lanes, weights.size(0)], device=weights.device)
    self.extremes = torch.zeros([banks, 4], device=weights.device)
    self.a = annotate(List[Tensor], [])
    self.da = annotate(List[List[Tensor]], [])
    self.parts = annotate(List[List[__torch__.tandem.adapter.trainee.Part]], [])

def view(flat: Tensor, offset: int, rows: int, columns: int) -> Tensor:
  return torch.view(flat[offset : offset + rows * columns], [rows, columns])

# The same view of every lane's gradients.
def views(self: __torch__.tandem.adapter.trainee.Trainee, offset: int, rows: int,
          columns: int) -> List[Tensor]:
  lanes = annotate(List[Tensor], [])
  for lane in range(self.gradients.size(0)):
    lanes.append(__torch__.tandem.adapter.trainee.view(self.gradients[lane], offset, rows, columns))
  return lanes

# weights [numbers] are updated. banks: three numbers each: ranks of all parts, inputs, offset of A in the vector.
# parts: six numbers each: bank, row, rank, column, width, offset of B^T in the vector.
def new(slot: int, weights: Tensor, lanes: int, banks: List[int], parts: List[int],
        scalings: List[float]) -> __torch__.tandem.adapter.trainee.Trainee:
  count = len(banks) // 3
  self = __torch__.tandem.adapter.trainee.Trainee(slot, weights, lanes, count)
  for bank in range(count):
    ranks, inputs, offset = banks[3 * bank : 3 * bank + 3]
    self.a.append(__torch__.tandem.adapter.trainee.view(self.weights, offset, ranks, inputs))
    self.da.append(__torch__.tandem.adapter.trainee.views(self, offset, ranks, inputs))
    self.parts.append(annotate(List[__torch__.tandem.adapter.trainee.Part], []))
  for i in range(len(parts) // 6):
    place = parts[6 * i : 6 * i + 6]
    rank, width, offset = place[2], place[4], place[5]
    b = __torch__.tandem.adapter.trainee.view(self.weights, offset, rank, width)
    db = __torch__.tandem.adapter.trainee.views(self, offset, rank, width)
    part = __torch__.tandem.adapter.trainee.Part(place, scalings[i], b, db)
    self.parts[place[0]].append(part)
  return self

# Copies the weights of the banks from first to last into the adapter's slot.
def publish_(self: __torch__.tandem.adapter.trainee.Trainee,
             adapters: __torch__.tandem.adapter.low_rank.Adapters, first: int, last: int) -> None:
  for bank in range(first, last):
    ranks = self.a[bank].size(0)
    if ranks > 0:
      a = adapters.a[bank][self.slot, :ranks]
      b = adapters.b[bank][self.slot, :ranks]
      torch.copy_(a, self.a[bank])
      for part in self.parts[bank]:
        block = b[part.row : part.row + part.rank, part.column : part.column + part.width]
        torch.copy_(block, torch.mul(part.b, part.scaling))
      least_a, largest_a = torch.aminmax(a)
      least_b, largest_b = torch.aminmax(b)
      torch.copy_(self.extremes[bank], torch.stack([least_a, largest_a, least_b, largest_b]))

# Whether all numbers with these extremes are finite, [banks, 4] -> [banks] bool. NaN is both the least
# and the largest of numbers, and neither it nor infinity is zero after it is subtracted from itself.
def are_finite(extremes: Tensor) -> Tensor:
  return torch.all(torch.eq(torch.sub(extremes, extremes), 0.), 1)

# Zeros in the adapter's slot for a bank that is not finite, because rows of others must not meet it.
def clear_broken_(self: __torch__.tandem.adapter.trainee.Trainee,
                  adapters: __torch__.tandem.adapter.low_rank.Adapters) -> None:
  broken = torch.logical_not(__torch__.tandem.adapter.trainee.are_finite(self.extremes))
  for bank in range(len(self.a)):
    torch.masked_fill_(adapters.a[bank][self.slot], broken[bank], 0.)
    torch.masked_fill_(adapters.b[bank][self.slot], broken[bank], 0.)

# y [n, out] plus what the adapter adds to the output for x [n, in]
def forward(self: __torch__.tandem.adapter.trainee.Trainee,
            adapters: __torch__.tandem.adapter.low_rank.Adapters, bank: int, x: Tensor,
            y: Tensor) -> Tensor:
  ranks = self.a[bank].size(0)
  if ranks == 0:
    return y
  a = adapters.a[bank][self.slot, :ranks]
  return torch.addmm(y, torch.linear(x, a), adapters.b[bank][self.slot, :ranks])

# The adapter's share of a linear's backward pass. x [n, in] its input, dy [n, out] the gradient
# of its output, dx [n, in] that of its input through the frozen weight. Adds to the lane's gradients
# of A and B, returns dx with the adapter's share.
def backward(self: __torch__.tandem.adapter.trainee.Trainee, lane: int,
             adapters: __torch__.tandem.adapter.low_rank.Adapters, bank: int, x: Tensor,
             dy: Tensor, dx: Tensor) -> Tensor:
  ranks = self.a[bank].size(0)
  if ranks == 0:
    return dx
  a = adapters.a[bank][self.slot, :ranks]
  b = adapters.b[bank][self.slot, :ranks]
  u = torch.linear(x, a)
  du = torch.linear(dy, b)
  torch.add_(self.da[bank][lane], torch.matmul(torch.t(du), x))
  for part in self.parts[bank]:
    u_part = u[:, part.row : part.row + part.rank]
    dy_part = dy[:, part.column : part.column + part.width]
    torch.add_(part.db[lane], torch.matmul(torch.t(u_part), dy_part), alpha=part.scaling)
  return torch.addmm(dx, du, a)
