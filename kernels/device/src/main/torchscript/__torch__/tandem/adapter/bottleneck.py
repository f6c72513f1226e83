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
  # per slot: most rows of any layer in attention and in the MLP, input and f; empty list if there are none
  kinds : List[List[int]]
  # of the adapters in use, those with the same input and f joined
  active : List[__torch__.tandem.adapter.bottleneck.Group]
  def __init__(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, blocks: int, slots: int,
               rows: int, like: Tensor) -> None:
    self.down = annotate(List[Tensor], [])
    self.bias = annotate(List[Tensor], [])
    self.up = annotate(List[Tensor], [])
    self.kinds = annotate(List[List[int]], [])
    self.active = annotate(List[__torch__.tandem.adapter.bottleneck.Group], [])
    table = [slots, rows, like.size(1)]
    for block in range(blocks):
      self.down.append(torch.zeros(table, dtype=like.dtype, device=like.device))
      self.bias.append(torch.zeros(table[:2], dtype=like.dtype, device=like.device))
      self.up.append(torch.zeros(table, dtype=like.dtype, device=like.device))
    for slot in range(slots):
      self.kinds.append(annotate(List[int], []))

# Adapters that read the same and have the same f, joined.
class Group:
  input : int
  f : int
  # per block: [J, C], [J] and [J, C]
  down : List[Tensor]
  bias : List[Tensor]
  up : List[Tensor]
  # of attention and of MLPs: which of the rows are biases, and the slot that each belongs to [J]
  ones : List[Tensor]
  owners : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.bottleneck.Group, input: int, f: int) -> None:
    self.input = input
    self.f = f
    self.down = annotate(List[Tensor], [])
    self.bias = annotate(List[Tensor], [])
    self.up = annotate(List[Tensor], [])
    self.ones = annotate(List[Tensor], [])
    self.owners = annotate(List[Tensor], [])

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

def join(parts: List[Tensor]) -> Tensor:
  return parts[0] if len(parts) == 1 else torch.cat(parts)

# slots: one or more with the same input and f
def group(self: __torch__.tandem.adapter.bottleneck.Bottlenecks,
          slots: List[int]) -> __torch__.tandem.adapter.bottleneck.Group:
  input, f = self.kinds[slots[0]][2:4]
  group = __torch__.tandem.adapter.bottleneck.Group(input, f)
  device = self.down[0].device
  for part in range(2):
    owners = annotate(List[Tensor], [])
    ones = annotate(List[int], [])
    at = 0
    for slot in slots:
      rows = self.kinds[slot][part]
      owners.append(torch.full([rows], slot, dtype=4, device=device))
      if rows > 0:
        ones.append(at)
      at = at + rows
    group.owners.append(__torch__.tandem.adapter.bottleneck.join(owners))
    group.ones.append(torch.tensor(ones, dtype=4, device=device))
  for block in range(len(self.down)):
    down = annotate(List[Tensor], [])
    bias = annotate(List[Tensor], [])
    up = annotate(List[Tensor], [])
    for slot in slots:
      rows = self.kinds[slot][block % 2]
      down.append(self.down[block][slot, :rows])
      bias.append(self.bias[block][slot, :rows])
      up.append(self.up[block][slot, :rows])
    group.down.append(__torch__.tandem.adapter.bottleneck.join(down))
    group.bias.append(__torch__.tandem.adapter.bottleneck.join(bias))
    group.up.append(__torch__.tandem.adapter.bottleneck.join(up))
  return group

# Joins what the given slots use.
def activate_(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, slots: List[int]) -> None:
  self.active = annotate(List[__torch__.tandem.adapter.bottleneck.Group], [])
  for input in range(3):
    for f in range(4):
      alike = annotate(List[int], [])
      for slot in slots:
        kind = self.kinds[slot]
        if len(kind) > 0 and kind[2] == input and kind[3] == f:
          alike.append(slot)
      if len(alike) > 0:
        self.active.append(__torch__.tandem.adapter.bottleneck.group(self, alike))

# Those of the slots in this order, each alone.
def alone(self: __torch__.tandem.adapter.bottleneck.Bottlenecks,
          slots: List[int]) -> List[__torch__.tandem.adapter.bottleneck.Group]:
  groups = annotate(List[__torch__.tandem.adapter.bottleneck.Group], [])
  for slot in slots:
    if len(self.kinds[slot]) > 0:
      groups.append(__torch__.tandem.adapter.bottleneck.group(self, [slot]))
  return groups

# Two masks [N, J] for each active group, of attention and of MLPs: the joined rows that a row has no part
# in. stacks [S, N]: the slots of each row's adapters, -1 for none.
def masks(self: __torch__.tandem.adapter.bottleneck.Bottlenecks, stacks: Tensor) -> List[Tensor]:
  masks = annotate(List[Tensor], [])
  rows = torch.unsqueeze(stacks, 2)
  for group in self.active:
    for owner in group.owners:
      masks.append(torch.all(torch.ne(rows, owner), 0))
  return masks

# What a group reads of the stream x and the block's output y.
def input(self: __torch__.tandem.adapter.bottleneck.Group, x: Tensor, y: Tensor) -> Tensor:
  if self.input == 0:
    return y
  return x if self.input == 1 else torch.add(x, y)

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
def hidden(self: __torch__.tandem.adapter.bottleneck.Group, block: int, z: Tensor) -> Tensor:
  a = __torch__.tandem.adapter.bottleneck.apply(z, self.f)
  return torch.index_fill_(a, 1, self.ones[block % 2], 1.)

# x [N, C] the stream before the block, y [N, C] its output -> y. masks: of these groups as in masks, if
# rows differ in their adapters.
def forward(groups: List[__torch__.tandem.adapter.bottleneck.Group], block: int,
            masks: List[Tensor], x: Tensor, y: Tensor) -> Tensor:
  sum = y
  for i in range(len(groups)):
    group = groups[i]
    if group.down[block].size(0) > 0:
      h = __torch__.tandem.adapter.bottleneck.input(group, x, y)
      z = torch.linear(h, group.down[block], group.bias[block])
      a = __torch__.tandem.adapter.bottleneck.hidden(group, block, z)
      if len(masks) > 0:
        # A product with zero would let a row see what overflows in another adapter's rows.
        a = torch.masked_fill_(a, masks[2 * i + block % 2], 0.)
      sum = torch.addmm(sum, a, group.up[block])
  return sum

# Whether backward asks for the block's output before the bottlenecks.
def reads_output(groups: List[__torch__.tandem.adapter.bottleneck.Group], block: int) -> bool:
  reads = False
  for group in groups:
    reads = reads or group.input != 1 and group.down[block].size(0) > 0
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
# gradients of y and of x through the groups, if they read it. learns: whether the last group is the learner's
def backward(groups: List[__torch__.tandem.adapter.bottleneck.Group],
             learner: __torch__.tandem.adapter.bottleneck.Learner, learns: bool, lane: int,
             block: int, x: Tensor, y: Tensor, dy: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
  doutput = dy
  dstream = annotate(Optional[Tensor], None)
  for i in range(len(groups)):
    group = groups[i]
    if group.down[block].size(0) > 0:
      h = __torch__.tandem.adapter.bottleneck.input(group, x, y)
      z = torch.linear(h, group.down[block], group.bias[block])
      da = torch.linear(dy, group.up[block])
      dz = __torch__.tandem.adapter.bottleneck.apply_backward(da, z, group.f)
      if learns and i == len(groups) - 1:
        a = __torch__.tandem.adapter.bottleneck.hidden(group, block, z)
        __torch__.tandem.adapter.bottleneck.learn_(learner, lane, block, h, a, dz, dy)
      # D is zero in the first row, which is a constant.
      dh = torch.matmul(dz, group.down[block])
      if group.input != 1:
        doutput = torch.add(doutput, dh)
      if group.input != 0:
        dstream = dh if dstream is None else torch.add(dstream, dh)
  return (doutput, dstream)
