# What adapters do to the linears, in all forms: each form has a file with its forward and its backward
# pass. A form that no adapter in use has costs no operation.
class Changes:
  low_rank : __torch__.tandem.adapter.low_rank.Adapters
  scale : __torch__.tandem.adapter.scale.Scales
  bases : __torch__.tandem.adapter.dora.Bases
  prompts : __torch__.tandem.adapter.prompt.Prompts
  def __init__(self: __torch__.tandem.adapter.change.Changes,
               low_rank: __torch__.tandem.adapter.low_rank.Adapters,
               scale: __torch__.tandem.adapter.scale.Scales,
               bases: __torch__.tandem.adapter.dora.Bases,
               prompts: __torch__.tandem.adapter.prompt.Prompts) -> None:
    self.low_rank = low_rank
    self.scale = scale
    self.bases = bases
    self.prompts = prompts

# The adapters that rows use.
class Users:
  # per linear of a layer, as in low_rank.masks; empty list if every row uses all active adapters
  masks : List[Tensor]
  # as in scale.scale; not read if nothing is scaled
  places : Tensor
  def __init__(self: __torch__.tandem.adapter.change.Users, masks: List[Tensor],
               places: Tensor) -> None:
    self.masks = masks
    self.places = places

# The adapters of the rows of a backward window: one that learns, in a lane, and those below it that do not.
class Stack:
  frozen : __torch__.tandem.adapter.low_rank.Frozen
  trainee : __torch__.tandem.adapter.trainee.Trainee
  lane : int
  # of all of them, as in Scales.active, and as in scale.scale
  scaled : List[int]
  places : Tensor
  def __init__(self: __torch__.tandem.adapter.change.Stack,
               frozen: __torch__.tandem.adapter.low_rank.Frozen,
               trainee: __torch__.tandem.adapter.trainee.Trainee, lane: int, scaled: List[int],
               places: Tensor) -> None:
    self.frozen = frozen
    self.trainee = trainee
    self.lane = lane
    self.scaled = scaled
    self.places = places

# sizes: as in low_rank.new
def new(model: __torch__.tandem.model.Model, slots: int, rank: int,
        sizes: List[int]) -> __torch__.tandem.adapter.change.Changes:
  biases = annotate(List[Tensor], [])
  bases = __torch__.tandem.adapter.dora.Bases()
  for layer in model.layers:
    for linear in layer.linears:
      bases.linears.append(linear)
      bases.squares.append(torch.empty([0], device=model.embedding.device))
      bias = linear.bias
      biases.append(torch.empty([0], device=model.embedding.device) if bias is None else bias)
  return __torch__.tandem.adapter.change.Changes(
      __torch__.tandem.adapter.low_rank.new(model.shape.layers, slots, rank, sizes, model.embedding),
      __torch__.tandem.adapter.scale.new(slots, sizes, biases, model.embedding), bases,
      __torch__.tandem.adapter.prompt.new(slots, rank, model.embedding))

def clear_(self: __torch__.tandem.adapter.change.Changes, slot: int) -> None:
  __torch__.tandem.adapter.low_rank.clear_(self.low_rank, slot)
  __torch__.tandem.adapter.scale.clear_(self.scale, slot)
  torch.zero_(__torch__.tandem.adapter.prompt.of_slot(self.prompts, slot))

# Makes ready what the given slots use. ranks: as in low_rank.Frozen; scaled: as in scale.union
def activate_(self: __torch__.tandem.adapter.change.Changes, slots: List[int], ranks: List[int],
              scaled: List[int]) -> None:
  __torch__.tandem.adapter.low_rank.activate_(self.low_rank, slots, ranks)
  self.scale.active = __torch__.tandem.adapter.scale.union(self.scale.linears, scaled)

# stacks [S, N]: the slots of each row's adapters, -1 for none; mixed: whether rows differ in them
def users(self: __torch__.tandem.adapter.change.Changes, stacks: Tensor,
          mixed: bool) -> __torch__.tandem.adapter.change.Users:
  masks = annotate(List[Tensor], [])
  places = stacks
  if mixed:
    masks = __torch__.tandem.adapter.low_rank.masks(self.low_rank, stacks)
  if len(self.scale.active) > 0:
    places = __torch__.tandem.adapter.scale.places(self.scale, stacks if mixed else stacks[:, :1])
  return __torch__.tandem.adapter.change.Users(masks, places)

# Those of a linear, for some of the rows, and for those of zeros that their product gets.
def select(self: __torch__.tandem.adapter.change.Changes,
           users: __torch__.tandem.adapter.change.Users, linear: int, rows: Tensor,
           missing: int) -> Tuple[Optional[Tensor], Tensor]:
  mask, places = __torch__.tandem.adapter.change.of_linear(users, linear)
  if mask is not None:
    chosen = torch.index_select(mask, 0, rows)
    mask = torch.constant_pad_nd(chosen, [0, 0, 0, missing], True)
  if len(self.scale.active) > 0 and places.size(1) > 1:
    none = self.scale.inputs[0].size(0) - 1
    places = torch.constant_pad_nd(torch.index_select(places, 1, rows), [0, missing], none)
  return (mask, places)

def of_linear(users: __torch__.tandem.adapter.change.Users,
              linear: int) -> Tuple[Optional[Tensor], Tensor]:
  mask = annotate(Optional[Tensor], None)
  if len(users.masks) > 0:
    mask = users.masks[linear]
  return (mask, users.places)

# Whether no active adapter changes a bank's linear.
def is_idle(self: __torch__.tandem.adapter.change.Changes, bank: int) -> bool:
  scaled = self.scale.active
  return __torch__.tandem.adapter.low_rank.is_idle(self.low_rank, bank) and (
      len(scaled) == 0 or scaled[bank % self.scale.linears] == 0)

# The bank's linear with the rows' adapters: x [N, in] -> [N, out]
def forward(self: __torch__.tandem.adapter.change.Changes, bank: int,
            linear: __torch__.tandem.ops.linear.Linear, mask: Optional[Tensor], places: Tensor,
            x: Tensor) -> Tensor:
  scaled = self.scale.active
  y = __torch__.tandem.ops.linear.forward(linear, __torch__.tandem.adapter.scale.forward_inputs(
      self.scale, scaled, bank, places, x))
  y = __torch__.tandem.adapter.scale.forward_outputs(self.scale, scaled, bank, places, y)
  return __torch__.tandem.adapter.low_rank.forward(self.low_rank, bank, x, y, mask)

# slots, ranks and scaled: of the adapters that do not learn, and last of the one that does
def stack(self: __torch__.tandem.adapter.change.Changes,
          trainee: __torch__.tandem.adapter.trainee.Trainee, lane: int, slots: List[int],
          ranks: List[int], scaled: List[int]) -> __torch__.tandem.adapter.change.Stack:
  below = len(slots) - 1
  frozen = __torch__.tandem.adapter.low_rank.Frozen(slots[:below],
                                                    ranks[: below * self.low_rank.linears])
  union = __torch__.tandem.adapter.scale.union(self.scale.linears, scaled)
  places = torch.empty([0, 1], dtype=4, device=trainee.weights.device)
  if len(union) > 0:
    places = torch.cat([torch.full([1, 1], slot, dtype=4, device=trainee.weights.device)
                        for slot in slots])
  return __torch__.tandem.adapter.change.Stack(frozen, trainee, lane, union, places)

# The bank's linear with the adapters of a backward window's rows, as in the forward pass.
def forward_again(self: __torch__.tandem.adapter.change.Changes,
                  stack: __torch__.tandem.adapter.change.Stack, bank: int,
                  linear: __torch__.tandem.ops.linear.Linear, x: Tensor) -> Tensor:
  y = __torch__.tandem.ops.linear.forward(linear, __torch__.tandem.adapter.scale.forward_inputs(
      self.scale, stack.scaled, bank, stack.places, x))
  y = __torch__.tandem.adapter.scale.forward_outputs(self.scale, stack.scaled, bank, stack.places, y)
  y = __torch__.tandem.adapter.low_rank.forward_frozen(self.low_rank, stack.frozen, bank, x, y)
  trainee = stack.trainee
  return __torch__.tandem.adapter.low_rank.forward_learner(
      trainee.low_rank[bank], self.low_rank, trainee.slot, bank, x, y)

# Its backward pass: x [n, in] its input, dy [n, out] the gradient of its output -> that of its input. Adds
# to the gradients of what learns.
def backward(self: __torch__.tandem.adapter.change.Changes,
             stack: __torch__.tandem.adapter.change.Stack, bank: int,
             linear: __torch__.tandem.ops.linear.Linear, x: Tensor, dy: Tensor) -> Tensor:
  trainee, scaled, places = stack.trainee, stack.scaled, stack.places
  dbase = __torch__.tandem.adapter.scale.backward_outputs(self.scale, scaled, bank, places, dy)
  dinputs = __torch__.tandem.ops.linear.backward(linear, dbase)
  learner = trainee.scale[bank]
  if len(learner.parts) > 0:
    y = dy
    if __torch__.tandem.adapter.scale.learns_outputs(learner):
      y = __torch__.tandem.ops.linear.forward(linear, __torch__.tandem.adapter.scale.forward_inputs(
          self.scale, scaled, bank, places, x))
    __torch__.tandem.adapter.scale.backward_learner_(learner, self.scale, bank, places, stack.lane, x,
                                                     dinputs, y, dy, linear.bias)
  dx = __torch__.tandem.adapter.scale.backward_inputs(self.scale, scaled, bank, places, dinputs)
  dx = __torch__.tandem.adapter.low_rank.backward_frozen(self.low_rank, stack.frozen, bank, dy, dx)
  return __torch__.tandem.adapter.low_rank.backward_learner(
      trainee.low_rank[bank], stack.lane, self.low_rank, trainee.slot, bank, x, dy, dx)

# Copies what the trainee has learned in the banks from first to last into its slot, and its virtual tokens with the
# first.
def publish_(self: __torch__.tandem.adapter.change.Changes,
             trainee: __torch__.tandem.adapter.trainee.Trainee, first: int, last: int) -> None:
  for bank in range(first, last):
    published = __torch__.tandem.adapter.low_rank.publish_(
        trainee.low_rank[bank], self.low_rank, trainee.slot, bank)
    published = published + __torch__.tandem.adapter.scale.publish_(
        trainee.scale[bank], self.scale, trainee.slot, bank)
    published = published + __torch__.tandem.adapter.dora.publish_(
        trainee.dora[bank], self.bases, self.low_rank, self.scale, trainee.slot, bank)
    if bank == 0:
      published = published + __torch__.tandem.adapter.prompt.publish_(trainee.prompt, self.prompts,
                                                                       trainee.slot)
    extremes = annotate(List[Tensor], [])
    for tensor in published:
      least, largest = torch.aminmax(tensor)
      extremes = extremes + [torch.to(least, 6), torch.to(largest, 6)]
    if len(extremes) > 0:
      torch.copy_(trainee.extremes[bank, : len(extremes)], torch.stack(extremes))

# Zeros in the trainee's slot for a bank that is not finite, because rows of others must not meet it.
def clear_broken_(self: __torch__.tandem.adapter.change.Changes,
                  trainee: __torch__.tandem.adapter.trainee.Trainee) -> None:
  broken = torch.logical_not(__torch__.tandem.adapter.trainee.are_finite(trainee.extremes))
  slot = trainee.slot
  prompt = __torch__.tandem.adapter.prompt.of_slot(self.prompts, slot)
  torch.masked_fill_(prompt, broken[0], 0.)
  for bank in range(len(trainee.low_rank)):
    torch.masked_fill_(self.low_rank.a[bank][slot], broken[bank], 0.)
    torch.masked_fill_(self.low_rank.b[bank][slot], broken[bank], 0.)
    torch.masked_fill_(self.scale.inputs[bank][slot], broken[bank], 0.)
    torch.masked_fill_(self.scale.outputs[bank][slot], broken[bank], 0.)
    if self.scale.shifts[bank].size(0) > 0:
      torch.masked_fill_(self.scale.shifts[bank][slot], broken[bank], 0.)
