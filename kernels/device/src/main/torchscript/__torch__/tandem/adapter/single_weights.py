# Single weights of a linear that change (SPT, He et al., 2023; SHiRA, Bhardwaj et al., 2024): y += D x, where few
# numbers of D are not zero. Each of them reads one input and adds to one output, so no product of matrices is
# shared between rows. Slots have as many as their adapters have, and nothing else.

# Numbers of D [..., M] float32, and the input and output of each [..., M] int64.
class Weights:
  inputs : Tensor
  outputs : Tensor
  values : Tensor
  def __init__(self: __torch__.tandem.adapter.single_weights.Weights, inputs: Tensor, outputs: Tensor,
               values: Tensor) -> None:
    self.inputs = inputs
    self.outputs = outputs
    self.values = values

class Singles:
  # per bank, of the linear
  widths : List[int]
  # per slot: of each bank; empty list if the slot has none
  slots : List[List[__torch__.tandem.adapter.single_weights.Weights]]
  # per bank, of the active adapters with some [K + 1, M]. What one has less than M of changes an output behind
  # those that there are, and so has the last, which rows without any use. Empty list if no adapter has some
  active : List[__torch__.tandem.adapter.single_weights.Weights]
  # where each slot's are among those, and last where rows without any find theirs [P + 1]
  places : Tensor
  def __init__(self: __torch__.tandem.adapter.single_weights.Singles, slots: int, widths: List[int],
               like: Tensor) -> None:
    self.widths = widths
    self.slots = annotate(List[List[__torch__.tandem.adapter.single_weights.Weights]], [])
    for slot in range(slots):
      self.slots.append(annotate(List[__torch__.tandem.adapter.single_weights.Weights], []))
    self.active = annotate(List[__torch__.tandem.adapter.single_weights.Weights], [])
    self.places = torch.zeros([slots + 1], dtype=4, device=like.device)

# The rows that use some.
class Users:
  # row numbers [n]; not read if all rows use the same adapters
  rows : Tensor
  # of each of them, or once for all, where the weights of its adapters are [S, n] or [S, 1]
  places : Tensor
  shared : bool
  def __init__(self: __torch__.tandem.adapter.single_weights.Users, rows: Tensor, places: Tensor,
               shared: bool) -> None:
    self.rows = rows
    self.places = places
    self.shared = shared

def clear_(self: __torch__.tandem.adapter.single_weights.Singles, slot: int) -> None:
  self.slots[slot] = annotate(List[__torch__.tandem.adapter.single_weights.Weights], [])

# places: bank and first output of each module. at: its weights' inputs and outputs [2, n] int64; values [n]
# float32; both on any device
def put_(self: __torch__.tandem.adapter.single_weights.Singles, slot: int, places: List[int],
         at: List[Tensor], values: List[Tensor]) -> None:
  device = self.places.device
  made = annotate(List[__torch__.tandem.adapter.single_weights.Weights], [])
  for bank in range(len(self.widths) if len(at) > 0 else 0):
    inputs = annotate(List[Tensor], [torch.empty([0], dtype=4, device=device)])
    outputs = annotate(List[Tensor], [torch.empty([0], dtype=4, device=device)])
    numbers = annotate(List[Tensor], [torch.empty([0], device=device)])
    for i in range(len(at)):
      if places[2 * i] == bank:
        own = torch.to(at[i], device)
        inputs.append(own[0])
        outputs.append(torch.add(own[1], places[2 * i + 1]))
        numbers.append(torch.to(values[i], device))
    made.append(__torch__.tandem.adapter.single_weights.Weights(
        torch.cat(inputs), torch.cat(outputs), torch.cat(numbers)))
  self.slots[slot] = made

# Of these slots, those that have some.
def having(self: __torch__.tandem.adapter.single_weights.Singles, slots: List[int]) -> List[int]:
  having = annotate(List[int], [])
  for slot in slots:
    if len(self.slots[slot]) > 0:
      having.append(slot)
  return having

# Joins what the given slots use.
def activate_(self: __torch__.tandem.adapter.single_weights.Singles, slots: List[int]) -> None:
  self.active = annotate(List[__torch__.tandem.adapter.single_weights.Weights], [])
  having = __torch__.tandem.adapter.single_weights.having(self, slots)
  if len(having) > 0:
    torch.fill_(self.places, len(having))
    for i in range(len(having)):
      torch.fill_(self.places[having[i]], i)
    for bank in range(len(self.widths)):
      self.active.append(__torch__.tandem.adapter.single_weights.join(self, having, bank))

def join(self: __torch__.tandem.adapter.single_weights.Singles, slots: List[int],
         bank: int) -> __torch__.tandem.adapter.single_weights.Weights:
  most = 0
  for slot in slots:
    most = max(most, self.slots[slot][bank].values.size(0))
  shape, device = [len(slots) + 1, most], self.places.device
  inputs = torch.zeros(shape, dtype=4, device=device)
  outputs = torch.full(shape, self.widths[bank], dtype=4, device=device)
  values = torch.zeros(shape, device=device)
  for i in range(len(slots)):
    own = self.slots[slots[i]][bank]
    count = own.values.size(0)
    torch.copy_(inputs[i, :count], own.inputs)
    torch.copy_(outputs[i, :count], own.outputs)
    torch.copy_(values[i, :count], own.values)
  return __torch__.tandem.adapter.single_weights.Weights(inputs, outputs, values)

# stacks [S, N]: the slots of each row's adapters, -1 for none; mixed: whether rows differ in them; rows: those
# with adapters that have some, if they do
def users(self: __torch__.tandem.adapter.single_weights.Singles, stacks: Tensor, mixed: bool,
          rows: Tensor) -> __torch__.tandem.adapter.single_weights.Users:
  places = stacks
  if len(self.active) > 0:
    own = torch.t(torch.index_select(torch.t(stacks), 0, rows)) if mixed else stacks[:, :1]
    none = self.places.size(0) - 1
    found = torch.index_select(self.places, 0,
                               torch.reshape(torch.masked_fill(own, torch.lt(own, 0), none), [-1]))
    places = torch.view(found, own.size())
  return __torch__.tandem.adapter.single_weights.Users(rows, places, not mixed)

def is_idle(self: __torch__.tandem.adapter.single_weights.Singles, bank: int) -> bool:
  return len(self.active) == 0 or self.active[bank].values.size(1) == 0

# Rows that are multiplied at once: what each weight brings is in memory for all of them.
def block(numbers: int) -> int:
  return max(1, 1048576 // max(1, numbers))

# What the weights add for x [n, in] -> [n, width] float32. Their tensors are [n, M], or [1, M] for all rows. A row
# adds them up in their order, whatever other rows there are.
def product(weights: __torch__.tandem.adapter.single_weights.Weights, x: Tensor, width: int) -> Tensor:
  rows, numbers = x.size(0), weights.values.size(1)
  sum = torch.zeros([rows, width + 1], device=x.device)
  shared = weights.values.size(0) == 1
  step = __torch__.tandem.adapter.single_weights.block(numbers)
  for first in range(0, rows, step):
    end = min(first + step, rows)
    from_, to = (0, 1) if shared else (first, end)
    inputs = torch.expand(weights.inputs[from_ : to], [end - first, numbers])
    outputs = torch.expand(weights.outputs[from_ : to], [end - first, numbers])
    terms = torch.mul(torch.to(torch.gather(x[first : end], 1, inputs), 6), weights.values[from_ : to])
    torch.scatter_add_(sum[first : end], 1, outputs, terms)
  return sum[:, :width]

# Those of a bank in these places [n]
def placed(self: __torch__.tandem.adapter.single_weights.Singles, bank: int,
           places: Tensor) -> __torch__.tandem.adapter.single_weights.Weights:
  all = self.active[bank]
  return __torch__.tandem.adapter.single_weights.Weights(
      torch.index_select(all.inputs, 0, places), torch.index_select(all.outputs, 0, places),
      torch.index_select(all.values, 0, places))

# x [N, in], y [N, out] -> y plus what the rows' adapters add; y may be changed
def forward_(self: __torch__.tandem.adapter.single_weights.Singles,
             users: __torch__.tandem.adapter.single_weights.Users, bank: int, x: Tensor,
             y: Tensor) -> Tensor:
  if __torch__.tandem.adapter.single_weights.is_idle(self, bank):
    return y
  rows = x if users.shared else torch.index_select(x, 0, users.rows)
  width = self.widths[bank]
  for depth in range(users.places.size(0)):
    own = __torch__.tandem.adapter.single_weights.placed(self, bank, users.places[depth])
    added = torch.to(__torch__.tandem.adapter.single_weights.product(own, rows, width), y.dtype)
    y = torch.add(y, added) if users.shared else torch.index_add_(y, 0, users.rows, added)
  return y

# Those of a slot's bank as if for rows [1, M].
def alone(self: __torch__.tandem.adapter.single_weights.Singles, slot: int,
          bank: int) -> __torch__.tandem.adapter.single_weights.Weights:
  own = self.slots[slot][bank]
  return __torch__.tandem.adapter.single_weights.Weights(
      torch.unsqueeze(own.inputs, 0), torch.unsqueeze(own.outputs, 0), torch.unsqueeze(own.values, 0))

# y [n, out] plus what the adapters in the slots, all of which have some, add to the output for x [n, in]
def forward_again(self: __torch__.tandem.adapter.single_weights.Singles, slots: List[int], bank: int,
                  x: Tensor, y: Tensor) -> Tensor:
  for slot in slots:
    own = __torch__.tandem.adapter.single_weights.alone(self, slot, bank)
    if own.values.size(1) > 0:
      added = __torch__.tandem.adapter.single_weights.product(own, x, self.widths[bank])
      y = torch.add(y, torch.to(added, y.dtype))
  return y

# dx [n, in] plus what the adapters add to it for dy [n, out]: D transposed
def backward(self: __torch__.tandem.adapter.single_weights.Singles, slots: List[int], bank: int,
             dy: Tensor, dx: Tensor) -> Tensor:
  for slot in slots:
    own = __torch__.tandem.adapter.single_weights.alone(self, slot, bank)
    if own.values.size(1) > 0:
      turned = __torch__.tandem.adapter.single_weights.Weights(own.outputs, own.inputs, own.values)
      added = __torch__.tandem.adapter.single_weights.product(turned, dy, dx.size(1))
      dx = torch.add(dx, torch.to(added, dx.dtype))
  return dx

# What one module of a bank learns.
class Part:
  # its first number among the slot's of the bank
  at : int
  # views of the vector [n]: the weights, and per lane their gradient
  w : Tensor
  dw : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.single_weights.Part, at: int, w: Tensor,
               dw: List[Tensor]) -> None:
    self.at = at
    self.w = w
    self.dw = dw

class Learner:
  parts : List[__torch__.tandem.adapter.single_weights.Part]
  def __init__(self: __torch__.tandem.adapter.single_weights.Learner) -> None:
    self.parts = annotate(List[__torch__.tandem.adapter.single_weights.Part], [])

# Copies what was learned into the adapter's slot, which has the places. Returns what the slot has now.
def publish_(self: __torch__.tandem.adapter.single_weights.Learner,
             singles: __torch__.tandem.adapter.single_weights.Singles, slot: int,
             bank: int) -> List[Tensor]:
  published = annotate(List[Tensor], [])
  for part in self.parts:
    numbers = singles.slots[slot][bank].values[part.at : part.at + part.w.size(0)]
    torch.copy_(numbers, part.w)
    published.append(numbers)
  return published

# Adds to the lane's gradient: x [n, in] the linear's input, dy [n, out] the gradient of its output.
def backward_learner_(self: __torch__.tandem.adapter.single_weights.Learner,
                      singles: __torch__.tandem.adapter.single_weights.Singles, slot: int, bank: int,
                      lane: int, x: Tensor, dy: Tensor) -> None:
  for part in self.parts:
    own, count = singles.slots[slot][bank], part.w.size(0)
    inputs = own.inputs[part.at : part.at + count]
    outputs = own.outputs[part.at : part.at + count]
    step = __torch__.tandem.adapter.single_weights.block(count)
    for first in range(0, x.size(0), step):
      end = min(first + step, x.size(0))
      shape = [end - first, count]
      along = torch.gather(x[first : end], 1, torch.expand(inputs, shape))
      back = torch.gather(dy[first : end], 1, torch.expand(outputs, shape))
      torch.add_(part.dw[lane], torch.sum(torch.mul(torch.to(along, 6), torch.to(back, 6)), [0]))
