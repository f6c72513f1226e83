# Bottlenecks: narrow MLPs on what attention or the MLP of a layer, a block, add to the residual stream, several
# at once. y += s (U f(D h + d) + u), where h is by the adapter's input 0 y (in series, Houlsby et al., 2019),
# 1 the stream x before the block (in parallel, He et al., 2022), 2 both added (Pfeiffer et al., 2020). A
# slot has s inside U and u. Its first row is u: D and d are zero there, and f(D h + d) is replaced by one.
# Blocks are counted over all layers: attention, then MLP.
class Bottlenecks:
  # per block: slots preallocated, [P, R, C], [P, R] and [P, R, C], with U transposed
  down : List[Tensor]
  bias : List[Tensor]
  up : List[Tensor]
  # per block: D and d once more, the first table of bags.py. It has what a slot had when that was turned last
  turned : List[Tensor]
  # per slot: most rows of any layer in attention and in the MLP, input and f; empty list if there are none
  kinds : List[List[int]]
  # per slot, if it has a bottleneck: views of that
  whole : List[List[__torch__.tandem.adapter.bottleneck.Whole]]
  def __init__(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, blocks: int, slots: int,
               rows: int, like: Tensor) -> None:
    self.down = annotate(List[Tensor], [])
    self.bias = annotate(List[Tensor], [])
    self.up = annotate(List[Tensor], [])
    self.turned = annotate(List[Tensor], [])
    self.kinds = annotate(List[List[int]], [])
    self.whole = annotate(List[List[__torch__.tandem.adapter.bottleneck.Whole]], [])
    table = [slots, rows, like.size(1)]
    for block in range(blocks):
      self.down.append(torch.zeros(table, dtype=like.dtype, device=like.device))
      self.bias.append(torch.zeros(table[:2], dtype=like.dtype, device=like.device))
      self.up.append(torch.zeros(table, dtype=like.dtype, device=like.device))
      self.turned.append(__torch__.tandem.adapter.bags.new_table(
          self.down[block], __torch__.tandem.adapter.bags.group(rows)))
    for slot in range(slots):
      self.kinds.append(annotate(List[int], []))
      self.whole.append(annotate(List[__torch__.tandem.adapter.bottleneck.Whole], []))

# One adapter's, for rows that are many.
class Whole:
  input : int
  f : int
  # per block: [J, C], [J] and [J, C]
  down : List[Tensor]
  bias : List[Tensor]
  up : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.bottleneck.Whole, input: int, f: int) -> None:
    self.input = input
    self.f = f
    self.down = annotate(List[Tensor], [])
    self.bias = annotate(List[Tensor], [])
    self.up = annotate(List[Tensor], [])

# Those of rows that are multiplied one by one, of all adapters with the same input and f.
class Singles:
  input : int
  f : int
  # of attention and of MLPs
  bags : List[__torch__.tandem.adapter.bags.Bags]
  # of both, which of the numbers D h + d are to be one
  ones : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.bottleneck.Singles, input: int, f: int) -> None:
    self.input = input
    self.f = f
    self.bags = annotate(List[__torch__.tandem.adapter.bags.Bags], [])
    self.ones = annotate(List[Tensor], [])

# The block after which a bank comes last, -1 if there is none; linears: of a layer
def block_of(bank: int, linears: int) -> int:
  layer, linear = bank // linears, bank % linears
  if linear == 1:
    return 2 * layer
  return 2 * layer + 1 if linear == linears - 1 else -1

def clear_(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, slot: int) -> None:
  if len(self.kinds[slot]) > 0:
    for block in range(len(self.down)):
      torch.zero_(self.down[block][slot])
      torch.zero_(self.bias[block][slot])
      torch.zero_(self.up[block][slot])
    self.kinds[slot] = annotate(List[int], [])
    self.whole[slot] = annotate(List[__torch__.tandem.adapter.bottleneck.Whole], [])

# place: block, width, input, f. The slot has such a bottleneck now.
def occupy_(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, slot: int,
            place: List[int]) -> None:
  block, width, input, f = place
  rows = [0, 0]
  if len(self.kinds[slot]) > 0:
    rows = self.kinds[slot][:2]
  rows[block % 2] = max(rows[block % 2], 1 + width)
  self.kinds[slot] = rows + [input, f]

# places: four numbers for each, as in occupy_. tensors: three for each, float32 on any device: D [m, C],
# d [m], and u before U with the scaling [1 + m, C]. All else in the slot is zero.
def put_(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, slot: int, places: List[int],
         tensors: List[Tensor]) -> None:
  for i in range(len(places) // 4):
    block, end = places[4 * i], 1 + places[4 * i + 1]
    __torch__.tandem.adapter.bottleneck.occupy_(self, slot, places[4 * i : 4 * i + 4])
    torch.copy_(self.down[block][slot, 1 : end], tensors[3 * i])
    torch.copy_(self.bias[block][slot, 1 : end], tensors[3 * i + 1])
    torch.copy_(self.up[block][slot, :end], tensors[3 * i + 2])
  __torch__.tandem.adapter.bottleneck.view_(self, slot)

# Makes views of what is in the slot, once that is known.
def view_(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, slot: int) -> None:
  if len(self.kinds[slot]) == 0:
    return None
  input, f = self.kinds[slot][2:4]
  whole = __torch__.tandem.adapter.bottleneck.Whole(input, f)
  for block in range(len(self.down)):
    rows = self.kinds[slot][block % 2]
    whole.down.append(self.down[block][slot, :rows])
    whole.bias.append(self.bias[block][slot, :rows])
    whole.up.append(self.up[block][slot, :rows])
  self.whole[slot] = [whole]

# Before rows have bags with the slot.
def turn_(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, slot: int) -> None:
  for whole in self.whole[slot]:
    for block in range(len(self.down)):
      __torch__.tandem.adapter.bags.fill_(self.turned[block][slot], whole.down[block],
                                          whole.bias[block])

# Those of the slots, in this order.
def of_slots(self: __torch__.tandem.adapter.bottleneck.Bottlenecks,
             slots: List[int]) -> List[__torch__.tandem.adapter.bottleneck.Whole]:
  all = annotate(List[__torch__.tandem.adapter.bottleneck.Whole], [])
  for slot in slots:
    all = all + self.whole[slot]
  return all

# places: input and f, then of attention and of MLPs rows and width of bags.new, five sizes as there, and how many ones
# there are; numbers: of both, the ones last. channels: of a hidden state
def new_singles(places: List[int], channels: int,
                numbers: Tensor) -> __torch__.tandem.adapter.bottleneck.Singles:
  self = __torch__.tandem.adapter.bottleneck.Singles(places[0], places[1])
  at = 0
  for part in range(2):
    own = places[2 + 8 * part : 10 + 8 * part]
    end = at + sum(own[2 : 7])
    self.bags.append(__torch__.tandem.adapter.bags.new(own[0], own[1], True, channels,
                                                       numbers[at : end], own[2 : 7]))
    at = end + own[7]
    self.ones.append(numbers[end : at])
  return self

# What one reads, by its number, of the stream x and the block's output y.
def input(number: int, x: Tensor, y: Tensor) -> Tensor:
  if number == 0:
    return y
  return x if number == 1 else torch.add(x, y)

def apply(z: Tensor, f: int) -> Tensor:
  if f == 0:
    return torch.clamp(z, 0.)
  if f == 1:
    return torch.silu(z)
  return torch.gelu(z, approximate="tanh" if f == 3 else "none")

def apply_backward(da: Tensor, z: Tensor, f: int) -> Tensor:
  if f == 0:
    return torch.threshold_backward(da, z, 0.)
  if f == 1:
    return torch.silu_backward(da, z)
  return torch.gelu_backward(da, z, approximate="tanh" if f == 3 else "none")

# z [N, J], which is D h + d -> f(z), and one where u is
def hidden(z: Tensor, f: int) -> Tensor:
  a = __torch__.tandem.adapter.bottleneck.apply(z, f)
  torch.fill_(a[:, :1], 1.)
  return a

# What one adds for the stream x before the block and its output y [n, C] -> [n, C]
def added(self: __torch__.tandem.adapter.bottleneck.Whole, block: int, padded: bool, x: Tensor,
          y: Tensor) -> Tensor:
  h = __torch__.tandem.adapter.bottleneck.input(self.input, x, y)
  h = __torch__.tandem.ops.rows.pad(h, padded)
  z = torch.linear(h, self.down[block], self.bias[block])
  a = __torch__.tandem.adapter.bottleneck.hidden(z, self.f)
  return torch.matmul(a, self.up[block])[: x.size(0)]

# x [N, C] the stream before the block, y [N, C] its output -> y with what all of them add for all rows
def forward(all: List[__torch__.tandem.adapter.bottleneck.Whole], block: int, padded: bool,
            x: Tensor, y: Tensor) -> Tensor:
  sum = y
  for whole in all:
    if whole.down[block].size(0) > 0:
      sum = torch.add(sum, __torch__.tandem.adapter.bottleneck.added(whole, block, padded, x, y))
  return sum

# The same where rows differ in their adapters. runs, and slots of theirs, gathered, and slots of theirs, and singles:
# as in row_adapters.Rows
def forward_rows(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, block: int, runs: List[int],
                 slots: List[int], gathered: List[Tensor], gathered_slots: List[int],
                 singles: List[__torch__.tandem.adapter.bottleneck.Singles], padded: bool, x: Tensor,
                 y: Tensor) -> Tensor:
  sum = torch.clone(y)
  for i in range(len(slots)):
    first, end = runs[2 * i : 2 * i + 2]
    for whole in self.whole[slots[i]]:
      if whole.down[block].size(0) > 0:
        torch.add_(sum[first : end], __torch__.tandem.adapter.bottleneck.added(
            whole, block, padded, x[first : end], y[first : end]))
  for i in range(len(gathered)):
    rows = gathered[i]
    for whole in self.whole[gathered_slots[i]]:
      if whole.down[block].size(0) > 0:
        torch.index_add_(sum, 0, rows, __torch__.tandem.adapter.bottleneck.added(
            whole, block, padded, torch.index_select(x, 0, rows), torch.index_select(y, 0, rows)))
  for single in singles:
    bags = single.bags[block % 2]
    if bags.groups > 0:
      h = __torch__.tandem.adapter.bottleneck.input(single.input, x, y)
      z = __torch__.tandem.adapter.bags.multiply(bags, self.turned[block], h)
      a = torch.view(__torch__.tandem.adapter.bottleneck.apply(z, single.f), [-1])
      torch.index_fill_(a, 0, single.ones[block % 2], 1.)
      __torch__.tandem.adapter.bags.add_(bags, self.up[block], a, sum)
  return sum

# Whether backward asks for the block's output before the bottlenecks.
def reads_output(all: List[__torch__.tandem.adapter.bottleneck.Whole], block: int) -> bool:
  reads = False
  for whole in all:
    reads = reads or whole.input != 1 and whole.down[block].size(0) > 0
  return reads

# What one block learns.
class Part:
  scaling : float
  # views: D [m, C], d [m], u before U^T [1 + m, C], and per lane their gradients
  down : Tensor
  bias : Tensor
  up : Tensor
  ddown : List[Tensor]
  dbias : List[Tensor]
  dup : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.bottleneck.Part, scaling: float,
               views: List[Tensor], ddown: List[Tensor], dbias: List[Tensor],
               dup: List[Tensor]) -> None:
    self.scaling = scaling
    self.down = views[0]
    self.bias = views[1]
    self.up = views[2]
    self.ddown = ddown
    self.dbias = dbias
    self.dup = dup

class Learner:
  # per block none or one; empty list if none learns
  parts : List[List[__torch__.tandem.adapter.bottleneck.Part]]
  def __init__(self: __torch__.tandem.adapter.bottleneck.Learner) -> None:
    self.parts = annotate(List[List[__torch__.tandem.adapter.bottleneck.Part]], [])

# Copies what was learned in a block, -1 for none, into the adapter's slot. Returns what the slot has now.
def publish_(self: __torch__.tandem.adapter.bottleneck.Learner,
             bottlenecks: __torch__.tandem.adapter.bottleneck.Bottlenecks, slot: int,
             block: int) -> List[Tensor]:
  published = annotate(List[Tensor], [])
  if block >= 0 and len(self.parts) > 0:
    for part in self.parts[block]:
      end = 1 + part.bias.size(0)
      down = bottlenecks.down[block][slot, 1 : end]
      bias = bottlenecks.bias[block][slot, 1 : end]
      up = bottlenecks.up[block][slot, :end]
      torch.copy_(down, part.down)
      torch.copy_(bias, part.bias)
      torch.copy_(up, torch.mul(part.up, part.scaling))
      published = published + [down, bias, up]
  return published

# Adds to the lane's gradients: a, dz [n, 1 + m], h and dy [n, C]
def learn_(self: __torch__.tandem.adapter.bottleneck.Learner, lane: int, block: int, h: Tensor,
           a: Tensor, dz: Tensor, dy: Tensor) -> None:
  for part in self.parts[block]:
    end = 1 + part.bias.size(0)
    torch.add_(part.dup[lane], torch.matmul(torch.t(a[:, :end]), dy), alpha=part.scaling)
    torch.add_(part.ddown[lane], torch.matmul(torch.t(dz[:, 1 : end]), h))
    torch.add_(part.dbias[lane], torch.sum(dz[:, 1 : end], [0], dtype=6))

# dy [n, C], the gradient of what forward returns; x, y as there, y only read if reads_output -> the
# gradients of y and of x through all of them, if they read it. learns: whether the last is the learner's
def backward(all: List[__torch__.tandem.adapter.bottleneck.Whole],
             learner: __torch__.tandem.adapter.bottleneck.Learner, learns: bool, lane: int,
             block: int, x: Tensor, y: Tensor, dy: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
  doutput = dy
  dstream = annotate(Optional[Tensor], None)
  for i in range(len(all)):
    whole = all[i]
    if whole.down[block].size(0) > 0:
      h = __torch__.tandem.adapter.bottleneck.input(whole.input, x, y)
      z = torch.linear(h, whole.down[block], whole.bias[block])
      da = torch.linear(dy, whole.up[block])
      dz = __torch__.tandem.adapter.bottleneck.apply_backward(da, z, whole.f)
      if learns and i == len(all) - 1:
        a = __torch__.tandem.adapter.bottleneck.hidden(z, whole.f)
        __torch__.tandem.adapter.bottleneck.learn_(learner, lane, block, h, a, dz, dy)
      # D is zero in the first row, which is a constant.
      dh = torch.matmul(dz, whole.down[block])
      if whole.input != 1:
        doutput = torch.add(doutput, dh)
      if whole.input != 0:
        dstream = dh if dstream is None else torch.add(dstream, dh)
  return (doutput, dstream)
