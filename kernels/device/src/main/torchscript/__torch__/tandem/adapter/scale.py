# Factors on the channels of a linear's input or of its output, for several adapters at once: (IA)^3
# (Liu et al., 2022). y = c * (W (d * x) + b), or c * W (d * x) + b if c leaves the bias alone. Slots hold
# what a factor differs from one by, in float32, so that zero is no change and what is close to it keeps
# its digits. Of stacked adapters, factors multiply as in PEFT, and what DoRA's differ from one by adds up
# to that. One more slot than there are has zeros: rows without an adapter use it.
class Scales:
  # linears of a layer
  linears : int
  # per bank: [P + 1, in] and [P + 1, out]
  inputs : List[Tensor]
  outputs : List[Tensor]
  # per bank, if its linear has a bias: what is added to the output where c leaves that alone [P + 1, out]
  shifts : List[Tensor]
  # 1 for slots whose factors are DoRA's [P + 1, 1]
  adds : Tensor
  # per linear, what is scaled by an active adapter: 1 its inputs, 2 its outputs, 3 both, 0 neither; empty
  # list if nothing is
  active : List[int]
  def __init__(self: __torch__.tandem.adapter.scale.Scales, linears: int, adds: Tensor) -> None:
    self.linears = linears
    self.adds = adds
    self.inputs = annotate(List[Tensor], [])
    self.outputs = annotate(List[Tensor], [])
    self.shifts = annotate(List[Tensor], [])
    self.active = annotate(List[int], [])

# sizes: as in low_rank.new; biases: per bank, empty if its linear has none
def new(slots: int, sizes: List[int],
        biases: List[Tensor], like: Tensor) -> __torch__.tandem.adapter.scale.Scales:
  self = __torch__.tandem.adapter.scale.Scales(len(sizes) // 3,
                                               torch.zeros([slots + 1, 1], device=like.device))
  for bank in range(len(biases)):
    linear = bank % self.linears
    inputs, outputs = sizes[3 * linear + 1 : 3 * linear + 3]
    self.inputs.append(torch.zeros([slots + 1, inputs], device=like.device))
    self.outputs.append(torch.zeros([slots + 1, outputs], device=like.device))
    shifted = slots + 1 if torch.numel(biases[bank]) > 0 else 0
    self.shifts.append(torch.zeros([shifted, outputs], device=like.device))
  return self

def clear_(self: __torch__.tandem.adapter.scale.Scales, slot: int) -> None:
  torch.zero_(self.adds[slot])
  for bank in range(len(self.inputs)):
    torch.zero_(self.inputs[bank][slot])
    torch.zero_(self.outputs[bank][slot])
    if self.shifts[bank].size(0) > 0:
      torch.zero_(self.shifts[bank][slot])

# places: three numbers for each part: bank, 0 for the input and 1 for the output, first column. What
# each differs from one by [width] float32, on any device.
def put_(self: __torch__.tandem.adapter.scale.Scales, slot: int, places: List[int],
         differences: List[Tensor]) -> None:
  for i in range(len(differences)):
    bank, side, column = places[3 * i : 3 * i + 3]
    table = self.inputs[bank] if side == 0 else self.outputs[bank]
    torch.copy_(table[slot, column : column + differences[i].size(0)], differences[i])

# scaled: for each slot and each linear of a layer, as in active.
def union(linears: int, scaled: List[int]) -> List[int]:
  inputs = [0 for linear in range(linears)]
  outputs = [0 for linear in range(linears)]
  any = False
  for i in range(len(scaled)):
    any = any or scaled[i] > 0
    inputs[i % linears] = max(inputs[i % linears], scaled[i] % 2)
    outputs[i % linears] = max(outputs[i % linears], scaled[i] // 2)
  if not any:
    return annotate(List[int], [])
  return [inputs[linear] + 2 * outputs[linear] for linear in range(linears)]

# stacks [S, N]: the slots of each row's adapters, -1 for none; S is 0 if this lane's rows have none -> at
# least one, and the slot of zeros for none
def places(self: __torch__.tandem.adapter.scale.Scales, stacks: Tensor) -> Tensor:
  none = self.inputs[0].size(0) - 1
  if stacks.size(0) == 0:
    return torch.full([1, stacks.size(1)], none, dtype=4, device=stacks.device)
  return torch.masked_fill(stacks, torch.lt(stacks, 0), none)

def scales_inputs(scaled: List[int], linear: int) -> bool:
  return len(scaled) > 0 and scaled[linear] % 2 == 1

def scales_outputs(scaled: List[int], linear: int) -> bool:
  return len(scaled) > 0 and scaled[linear] >= 2

# The sum over stacked adapters: table [P + 1, width], places [S, N] -> [N, width]
def gather(table: Tensor, places: Tensor) -> Tensor:
  sum = torch.index_select(table, 0, places[0])
  for depth in range(1, places.size(0)):
    sum = torch.add(sum, torch.index_select(table, 0, places[depth]))
  return sum

# The product of those that multiply, and the sum of what the others differ from one by: table and places as
# in gather
def stacked(self: __torch__.tandem.adapter.scale.Scales, table: Tensor,
            places: Tensor) -> Tuple[Tensor, Tensor]:
  product = torch.ones([1, 1], device=table.device)
  sum = torch.zeros([1, 1], device=table.device)
  for depth in range(places.size(0)):
    differences = torch.index_select(table, 0, places[depth])
    added = torch.mul(differences, torch.index_select(self.adds, 0, places[depth]))
    product = torch.mul(product, torch.add(torch.sub(differences, added), 1.))
    sum = torch.add(sum, added)
  return (product, sum)

# x [N, width] times the factors of all adapters of its row. places [S, N], or [S, 1] if all rows use the
# same adapters.
def scale(self: __torch__.tandem.adapter.scale.Scales, table: Tensor, places: Tensor,
          x: Tensor) -> Tensor:
  if places.size(0) == 1:
    factors = torch.add(torch.index_select(table, 0, places[0]), 1.)
  else:
    product, sum = __torch__.tandem.adapter.scale.stacked(self, table, places)
    factors = torch.add(product, sum)
  return torch.to(torch.mul(x, factors), x.dtype)

# The input x [N, in] of a bank's linear as its weight gets it; scaled as in active
def forward_inputs(self: __torch__.tandem.adapter.scale.Scales, scaled: List[int], bank: int,
                   places: Tensor, x: Tensor) -> Tensor:
  if not __torch__.tandem.adapter.scale.scales_inputs(scaled, bank % self.linears):
    return x
  return __torch__.tandem.adapter.scale.scale(self, self.inputs[bank], places, x)

# dx [n, in], the gradient of what forward_inputs returns -> that of its x
def backward_inputs(self: __torch__.tandem.adapter.scale.Scales, scaled: List[int], bank: int,
                    places: Tensor, dx: Tensor) -> Tensor:
  return __torch__.tandem.adapter.scale.forward_inputs(self, scaled, bank, places, dx)

# The output y [N, out] of a bank's linear -> [N, out]
def forward_outputs(self: __torch__.tandem.adapter.scale.Scales, scaled: List[int], bank: int,
                    places: Tensor, y: Tensor) -> Tensor:
  if not __torch__.tandem.adapter.scale.scales_outputs(scaled, bank % self.linears):
    return y
  dtype = y.dtype
  y = __torch__.tandem.adapter.scale.scale(self, self.outputs[bank], places, y)
  if self.shifts[bank].size(0) > 0:
    shift = __torch__.tandem.adapter.scale.gather(self.shifts[bank], places)
    y = torch.to(torch.add(y, shift), dtype)
  return y

# dy [n, out], the gradient of what forward_outputs returns -> that of its y
def backward_outputs(self: __torch__.tandem.adapter.scale.Scales, scaled: List[int], bank: int,
                     places: Tensor, dy: Tensor) -> Tensor:
  if not __torch__.tandem.adapter.scale.scales_outputs(scaled, bank % self.linears):
    return dy
  return __torch__.tandem.adapter.scale.scale(self, self.outputs[bank], places, dy)

# What one module of a bank learns.
class Part:
  # 0 for the input, 1 for the output
  side : int
  column : int
  width : int
  # views of the vector [width]: the factors, and per lane their gradient
  w : Tensor
  dw : List[Tensor]
  # whether w are magnitudes: the factors are made of them in dora.py, and leave the bias alone
  magnitudes : bool
  def __init__(self: __torch__.tandem.adapter.scale.Part, side: int, column: int, w: Tensor,
               dw: List[Tensor], magnitudes: bool) -> None:
    self.magnitudes = magnitudes
    self.side = side
    self.column = column
    self.width = w.size(0)
    self.w = w
    self.dw = dw

# What a trainee learns in one bank.
class Learner:
  parts : List[__torch__.tandem.adapter.scale.Part]
  def __init__(self: __torch__.tandem.adapter.scale.Learner) -> None:
    self.parts = annotate(List[__torch__.tandem.adapter.scale.Part], [])

# Copies what was learned into the adapter's slot. Returns what the slot has now.
def publish_(self: __torch__.tandem.adapter.scale.Learner,
             scales: __torch__.tandem.adapter.scale.Scales, slot: int, bank: int) -> List[Tensor]:
  published = annotate(List[Tensor], [])
  for part in self.parts:
    if not part.magnitudes:
      table = scales.inputs[bank] if part.side == 0 else scales.outputs[bank]
      numbers = table[slot, part.column : part.column + part.width]
      torch.copy_(numbers, torch.sub(part.w, 1.))
      published.append(numbers)
  return published

# Whether the gradient needs the output of the linear.
def learns_outputs(self: __torch__.tandem.adapter.scale.Learner) -> bool:
  learns = False
  for part in self.parts:
    learns = learns or part.side == 1
  return learns

# Adds to the lane's gradients. x [n, in] and dx of what comes into forward_inputs and of what it returns;
# y [n, out] and dy of what comes into forward_outputs and of what it returns. y is only read if
# outputs learn. bias: what is in y of the linear's, if anything. places: as in scale, the learner's last
def backward_learner_(self: __torch__.tandem.adapter.scale.Learner,
                      scales: __torch__.tandem.adapter.scale.Scales, bank: int, places: Tensor,
                      lane: int, x: Tensor, dx: Tensor, y: Tensor, dy: Tensor,
                      bias: Optional[Tensor]) -> None:
  below = places[: places.size(0) - 1]
  for part in self.parts:
    end = part.column + part.width
    value, gradient = (x, dx) if part.side == 0 else (y, dy)
    products = torch.mul(torch.to(value[:, part.column : end], 6), gradient[:, part.column : end])
    if below.size(0) > 0 and not part.magnitudes:
      table = scales.inputs[bank] if part.side == 0 else scales.outputs[bank]
      others = __torch__.tandem.adapter.scale.stacked(scales, table, below)[0]
      products = torch.mul(products, others[:, part.column : end])
    torch.add_(part.dw[lane], torch.sum(products, [0]))
    if part.magnitudes and bias is not None:
      sums = torch.sum(gradient[:, part.column : end], [0], dtype=6)
      torch.sub_(part.dw[lane], torch.mul(sums, bias[part.column : end]))
