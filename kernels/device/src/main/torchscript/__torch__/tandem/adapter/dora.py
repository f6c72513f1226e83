# DoRA (Liu et al., 2024): y = m * (W + s B A) x / |W + s B A| + b, the norm over each row. Slots have it in
# two other forms: with g = m / |W + s B A|, g scales W's output without the bias, and the factors are A
# and g s B. In the gradient the norm is a constant.

# What W is known by.
class Bases:
  # per bank
  linears : List[__torch__.tandem.ops.linear.Linear]
  # per bank, |W|^2 of each row [out] float32; no numbers before they are asked for
  squares : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.dora.Bases) -> None:
    self.linears = annotate(List[__torch__.tandem.ops.linear.Linear], [])
    self.squares = annotate(List[Tensor], [])

# inputs: of the linear; like: of its type and on its device. However its weight lies in memory, what
# it makes of the rows of the identity are the weight's columns.
def squares(linear: __torch__.tandem.ops.linear.Linear, inputs: int, like: Tensor) -> Tensor:
  channels = torch.arange(inputs, device=like.device)
  total = torch.zeros([1], device=like.device)
  for first in range(0, inputs, 256):
    chosen = torch.unsqueeze(channels[first : first + 256], 1)
    rows = torch.to(torch.eq(chosen, channels), like.dtype)
    padded = __torch__.tandem.ops.rows.pad(rows, linear.padded)
    columns = torch.to(__torch__.tandem.ops.linear.product(linear, padded), 6)
    total = torch.add(total, torch.sum(torch.mul(columns, columns), [0]))
  return total

# Of a bank [out]. a: of its type
def squares_of(self: __torch__.tandem.adapter.dora.Bases, bank: int, a: Tensor) -> Tensor:
  if torch.numel(self.squares[bank]) == 0:
    self.squares[bank] = __torch__.tandem.adapter.dora.squares(self.linears[bank], a.size(1), a)
  return self.squares[bank]

# |W + s B A| of the rows from column on: |W|^2 + 2 <W A^T, s B> + s B A A^T s B^T. a [rank, in] as the slot
# has it, b [rank, width] float32 the transposed s B -> [width]
def norm(self: __torch__.tandem.adapter.dora.Bases, bank: int, column: int, a: Tensor,
         b: Tensor) -> Tensor:
  linear, end = self.linears[bank], column + b.size(1)
  own = __torch__.tandem.adapter.dora.squares_of(self, bank, a)[column : end]
  padded = __torch__.tandem.ops.rows.pad(a, linear.padded)
  wa = torch.to(__torch__.tandem.ops.linear.product(linear, padded)[: a.size(0), column : end], 6)
  wide = torch.to(a, 6)
  both = torch.matmul(torch.matmul(wide, torch.t(wide)), b)
  square = torch.add(own, torch.sum(torch.mul(b, torch.add(torch.mul(wa, 2.), both)), [0]))
  return torch.sqrt(torch.clamp(square, 1e-30))

# Makes a slot's part of g. b [rank, width] float32 the transposed s B
def fold_(low_rank: __torch__.tandem.adapter.low_rank.Adapters,
          scales: __torch__.tandem.adapter.scale.Scales,
          linear: __torch__.tandem.ops.linear.Linear, slot: int, place: List[int], b: Tensor,
          gain: Tensor) -> None:
  bank, row, column = place
  end = column + b.size(1)
  torch.copy_(low_rank.b[bank][slot, row : row + b.size(0), column : end], torch.mul(b, gain))
  differences = torch.sub(gain, 1.)
  torch.fill_(scales.adds[slot], 1.)
  torch.copy_(scales.outputs[bank][slot, column : end], differences)
  bias = linear.bias
  if bias is not None:
    torch.copy_(scales.shifts[bank][slot, column : end],
                torch.mul(torch.neg(differences), bias[column : end]))

# places: as in low_rank.put_, which came before. magnitudes: [width] for each, or [0] for |W|
def put_(self: __torch__.tandem.adapter.dora.Bases,
         low_rank: __torch__.tandem.adapter.low_rank.Adapters,
         scales: __torch__.tandem.adapter.scale.Scales, slot: int, places: List[int],
         b: List[Tensor], magnitudes: List[Tensor]) -> None:
  for i in range(len(magnitudes)):
    bank, row, column = places[3 * i : 3 * i + 3]
    scaled = torch.to(b[i], self.squares[bank].device)
    a = low_rank.a[bank][slot, row : row + scaled.size(0)]
    norm = __torch__.tandem.adapter.dora.norm(self, bank, column, a, scaled)
    end = column + scaled.size(1)
    if torch.numel(magnitudes[i]) == 0:
      magnitude = torch.sqrt(__torch__.tandem.adapter.dora.squares_of(self, bank, a)[column : end])
    else:
      magnitude = torch.to(magnitudes[i], norm.device)
    # Rows of others must not meet what is not finite.
    gain = torch.nan_to_num(torch.div(magnitude, norm))
    __torch__.tandem.adapter.dora.fold_(low_rank, scales, self.linears[bank], slot,
                                        [bank, row, column], scaled, gain)
    block = low_rank.b[bank][slot, row : row + scaled.size(0), column : end]
    torch.copy_(block, torch.nan_to_num(block))

# What one module of a bank learns.
class Part:
  factors : __torch__.tandem.adapter.low_rank.Part
  magnitude : __torch__.tandem.adapter.scale.Part
  # of the factors and magnitudes as published last [width]
  norm : Tensor
  gain : Tensor
  # where B^T and the magnitudes begin in the vector
  b_at : int
  magnitude_at : int
  def __init__(self: __torch__.tandem.adapter.dora.Part,
               factors: __torch__.tandem.adapter.low_rank.Part,
               magnitude: __torch__.tandem.adapter.scale.Part, b_at: int,
               magnitude_at: int) -> None:
    self.factors = factors
    self.magnitude = magnitude
    self.norm = magnitude.w
    self.gain = magnitude.w
    self.b_at = b_at
    self.magnitude_at = magnitude_at

class Learner:
  parts : List[__torch__.tandem.adapter.dora.Part]
  def __init__(self: __torch__.tandem.adapter.dora.Learner) -> None:
    self.parts = annotate(List[__torch__.tandem.adapter.dora.Part], [])

# Sets the magnitudes to |W|. a: of the bank's type and inputs
def start_(self: __torch__.tandem.adapter.dora.Part, bases: __torch__.tandem.adapter.dora.Bases,
           a: Tensor) -> None:
  own = __torch__.tandem.adapter.dora.squares_of(bases, self.factors.bank, a)
  column = self.factors.column
  torch.copy_(self.magnitude.w, torch.sqrt(own[column : column + self.factors.width]))

# After the factors alone were published. Returns what the slot has beside them.
def publish_(self: __torch__.tandem.adapter.dora.Learner,
             bases: __torch__.tandem.adapter.dora.Bases,
             low_rank: __torch__.tandem.adapter.low_rank.Adapters,
             scales: __torch__.tandem.adapter.scale.Scales, slot: int, bank: int) -> List[Tensor]:
  published = annotate(List[Tensor], [])
  for part in self.parts:
    factors = part.factors
    a = low_rank.a[bank][slot, factors.row : factors.row + factors.rank]
    b = torch.mul(factors.b, factors.scaling)
    part.norm = __torch__.tandem.adapter.dora.norm(bases, bank, factors.column, a, b)
    part.gain = torch.div(part.magnitude.w, part.norm)
    __torch__.tandem.adapter.dora.fold_(low_rank, scales, bases.linears[bank], slot,
                                        [bank, factors.row, factors.column], b, part.gain)
  if len(self.parts) > 0:
    published.append(scales.outputs[bank][slot])
    if scales.shifts[bank].size(0) > 0:
      published.append(scales.shifts[bank][slot])
  return published

# Backward windows leave the gradients of s B, and of g as far as it scales W's output. From those to the
# gradients of B and m: y = g W x + g s B A x + b. gradients [lanes, numbers]
def backward_(self: __torch__.tandem.adapter.dora.Learner, gradients: Tensor) -> None:
  for part in self.parts:
    b = part.factors.b
    for lane in torch.unbind(gradients):
      db = torch.view(lane[part.b_at : part.b_at + torch.numel(b)], b.size())
      dmagnitude = lane[part.magnitude_at : part.magnitude_at + part.magnitude.width]
      torch.add_(dmagnitude, torch.sum(torch.mul(b, db), [0]))
      torch.div_(dmagnitude, part.norm)
      torch.mul_(db, part.gain)
