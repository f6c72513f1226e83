# What adapters do to the linears, in all forms: each form has a file with its forward and its backward
# pass. A form that no adapter in use has costs no operation.
class Changes:
  low_rank : __torch__.tandem.adapter.low_rank.Adapters
  scale : __torch__.tandem.adapter.scale.Scales
  bases : __torch__.tandem.adapter.dora.Bases
  prompts : __torch__.tandem.adapter.prompt.Prompts
  prefixes : __torch__.tandem.adapter.prefix.Prefixes
  bottlenecks : __torch__.tandem.adapter.bottleneck.Bottlenecks
  full : __torch__.tandem.adapter.full.Full
  def __init__(self: __torch__.tandem.adapter.change.Changes,
               low_rank: __torch__.tandem.adapter.low_rank.Adapters,
               scale: __torch__.tandem.adapter.scale.Scales,
               bases: __torch__.tandem.adapter.dora.Bases,
               prompts: __torch__.tandem.adapter.prompt.Prompts,
               prefixes: __torch__.tandem.adapter.prefix.Prefixes,
               bottlenecks: __torch__.tandem.adapter.bottleneck.Bottlenecks,
               full: __torch__.tandem.adapter.full.Full) -> None:
    self.low_rank = low_rank
    self.scale = scale
    self.bases = bases
    self.prompts = prompts
    self.prefixes = prefixes
    self.bottlenecks = bottlenecks
    self.full = full

# The adapters that rows use.
class Users:
  low_rank : __torch__.tandem.adapter.row_adapters.Rows
  # as in scale.scale; not read if nothing is scaled
  places : Tensor
  # as in bottleneck.masks; empty list if every row uses all active adapters
  bottlenecks : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.change.Users,
               low_rank: __torch__.tandem.adapter.row_adapters.Rows, places: Tensor,
               bottlenecks: List[Tensor]) -> None:
    self.low_rank = low_rank
    self.places = places
    self.bottlenecks = bottlenecks

# The adapters of the rows of a backward window: one that learns, in a lane, and those below it that do not.
class Stack:
  frozen : __torch__.tandem.adapter.low_rank.Frozen
  trainee : __torch__.tandem.adapter.trainee.Trainee
  lane : int
  # of all of them, as in Scales.active, and as in scale.scale
  scaled : List[int]
  places : Tensor
  bottlenecks : List[__torch__.tandem.adapter.bottleneck.Group]
  def __init__(self: __torch__.tandem.adapter.change.Stack,
               frozen: __torch__.tandem.adapter.low_rank.Frozen,
               trainee: __torch__.tandem.adapter.trainee.Trainee, lane: int, scaled: List[int],
               places: Tensor,
               bottlenecks: List[__torch__.tandem.adapter.bottleneck.Group]) -> None:
    self.frozen = frozen
    self.trainee = trainee
    self.lane = lane
    self.scaled = scaled
    self.places = places
    self.bottlenecks = bottlenecks

# sizes: as in low_rank.new; full: how many modules adapters may have in full together
def new(model: __torch__.tandem.model.Model, slots: int, rank: int, sizes: List[int],
        full: int) -> __torch__.tandem.adapter.change.Changes:
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
      __torch__.tandem.adapter.prompt.new(slots, rank, model.embedding),
      __torch__.tandem.adapter.prefix.new(model.shape, slots, rank, model.embedding),
      __torch__.tandem.adapter.bottleneck.Bottlenecks(2 * model.shape.layers, slots, 1 + rank,
                                                      model.embedding),
      __torch__.tandem.adapter.full.Full(slots, full, model.embedding))

def clear_(self: __torch__.tandem.adapter.change.Changes, slot: int) -> None:
  __torch__.tandem.adapter.low_rank.clear_(self.low_rank, slot)
  __torch__.tandem.adapter.scale.clear_(self.scale, slot)
  torch.zero_(__torch__.tandem.adapter.prompt.of_slot(self.prompts, slot))
  torch.zero_(self.prefixes.table[slot])
  __torch__.tandem.adapter.bottleneck.clear_(self.bottlenecks, slot)
  __torch__.tandem.adapter.full.clear_(self.full, slot)

# Multiplies what the adapter in a slot changes in the banks, in every form.
def scale_(self: __torch__.tandem.adapter.change.Changes, slot: int, banks: List[int],
           factor: float) -> None:
  for bank in banks:
    torch.mul_(self.low_rank.b[bank][slot], factor)
    torch.mul_(self.scale.inputs[bank][slot], factor)
    torch.mul_(self.scale.outputs[bank][slot], factor)
    if self.scale.shifts[bank].size(0) > 0:
      torch.mul_(self.scale.shifts[bank][slot], factor)
    block = __torch__.tandem.adapter.bottleneck.block_of(bank, self.low_rank.linears)
    if block >= 0:
      torch.mul_(self.bottlenecks.up[block][slot], factor)

# Makes ready what rows use. slots: of their adapters; scaled: of those, as in scale.union
def activate_(self: __torch__.tandem.adapter.change.Changes, slots: List[int],
              scaled: List[int]) -> None:
  self.scale.active = __torch__.tandem.adapter.scale.union(self.scale.linears, scaled)
  __torch__.tandem.adapter.bottleneck.activate_(self.bottlenecks, slots)

# stacks [S, N]: the slots of each row's adapters, -1 for none; mixed: whether rows differ in them; masked:
# whether rows find their low-rank adapters by masks
def users(self: __torch__.tandem.adapter.change.Changes,
          low_rank: __torch__.tandem.adapter.row_adapters.Rows, stacks: Tensor, mixed: bool,
          masked: bool) -> __torch__.tandem.adapter.change.Users:
  places = stacks
  bottlenecks = annotate(List[Tensor], [])
  if masked:
    __torch__.tandem.adapter.row_adapters.mask_(low_rank, stacks)
  if mixed:
    bottlenecks = __torch__.tandem.adapter.bottleneck.masks(self.bottlenecks, stacks)
  if len(self.scale.active) > 0:
    places = __torch__.tandem.adapter.scale.places(self.scale, stacks if mixed else stacks[:, :1])
  return __torch__.tandem.adapter.change.Users(low_rank, places, bottlenecks)

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
  if len(users.low_rank.masks) > 0:
    mask = users.low_rank.masks[linear]
  return (mask, users.places)

# Whether no row's adapter changes a bank's linear.
def is_idle(self: __torch__.tandem.adapter.change.Changes,
            users: __torch__.tandem.adapter.change.Users, bank: int) -> bool:
  linear, scaled = bank % self.scale.linears, self.scale.active
  return __torch__.tandem.adapter.row_adapters.is_idle(users.low_rank, linear) and (
      len(scaled) == 0 or scaled[linear] == 0)

# The bank's linear with the rows' adapters: x [N, in] -> [N, out]. mask, places: of these rows
def forward(self: __torch__.tandem.adapter.change.Changes, bank: int,
            linear: __torch__.tandem.ops.linear.Linear, users: __torch__.tandem.adapter.change.Users,
            mask: Optional[Tensor], places: Tensor, x: Tensor) -> Tensor:
  scaled = self.scale.active
  y = __torch__.tandem.ops.linear.forward(linear, __torch__.tandem.adapter.scale.forward_inputs(
      self.scale, scaled, bank, places, x))
  y = __torch__.tandem.adapter.scale.forward_outputs(self.scale, scaled, bank, places, y)
  return __torch__.tandem.adapter.row_adapters.forward_(users.low_rank, self.low_rank, bank, x, y, mask)

# What a block, counted as in bottleneck.py, adds to the residual stream x [N, C], with the rows' adapters, after
# those of its linears: y [N, C] -> y. padded: whether products get rows of zeros, see ops/rows.py
def forward_block(self: __torch__.tandem.adapter.change.Changes, block: int,
                  users: __torch__.tandem.adapter.change.Users, padded: bool, x: Tensor,
                  y: Tensor) -> Tensor:
  active = self.bottlenecks.active
  if len(active) == 0:
    return y
  wide = __torch__.tandem.adapter.bottleneck.forward(
      active, block, users.bottlenecks, __torch__.tandem.ops.rows.pad(x, padded),
      __torch__.tandem.ops.rows.pad(y, padded))
  return wide[: y.size(0)]

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
  return __torch__.tandem.adapter.change.Stack(
      frozen, trainee, lane, union, places,
      __torch__.tandem.adapter.bottleneck.alone(self.bottlenecks, slots))

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
# to the gradients of what learns, unless the bank does not learn now.
def backward(self: __torch__.tandem.adapter.change.Changes,
             stack: __torch__.tandem.adapter.change.Stack, bank: int,
             linear: __torch__.tandem.ops.linear.Linear, x: Tensor, dy: Tensor) -> Tensor:
  trainee, scaled, places = stack.trainee, stack.scaled, stack.places
  learns = trainee.learns[bank]
  dbase = __torch__.tandem.adapter.scale.backward_outputs(self.scale, scaled, bank, places, dy)
  dinputs = __torch__.tandem.ops.linear.backward(linear, dbase)
  learner = trainee.scale[bank]
  if learns and len(learner.parts) > 0:
    y = dy
    if __torch__.tandem.adapter.scale.learns_outputs(learner):
      y = __torch__.tandem.ops.linear.forward(linear, __torch__.tandem.adapter.scale.forward_inputs(
          self.scale, scaled, bank, places, x))
    __torch__.tandem.adapter.scale.backward_learner_(learner, self.scale, bank, places, stack.lane, x,
                                                     dinputs, y, dy, linear.bias)
  if trainee.compares and len(trainee.low_rank[bank].parts) > 0:
    base = __torch__.tandem.ops.linear.forward(linear, x)
    __torch__.tandem.adapter.estimate.compare_(trainee.low_rank[bank], self.low_rank, trainee.slot, bank,
                                               stack.lane, x, base)
  dx = __torch__.tandem.adapter.scale.backward_inputs(self.scale, scaled, bank, places, dinputs)
  dx = __torch__.tandem.adapter.low_rank.backward_frozen(self.low_rank, stack.frozen, bank, dy, dx)
  if not learns:
    return __torch__.tandem.adapter.low_rank.backward_resting(
        trainee.low_rank[bank], self.low_rank, trainee.slot, bank, dy, dx)
  __torch__.tandem.adapter.singular.backward_learner_(trainee.singular[bank], stack.lane, self.low_rank,
                                                      trainee.slot, bank, x, dy)
  return __torch__.tandem.adapter.low_rank.backward_learner(
      trainee.low_rank[bank], stack.lane, self.low_rank, trainee.slot, bank, x, dy, dx)

# The block's output with the adapters of a backward window's rows, as in the forward pass.
def forward_block_again(stack: __torch__.tandem.adapter.change.Stack, block: int, padded: bool,
                        x: Tensor, y: Tensor) -> Tensor:
  if len(stack.bottlenecks) == 0:
    return y
  wide = __torch__.tandem.adapter.bottleneck.forward(
      stack.bottlenecks, block, annotate(List[Tensor], []),
      __torch__.tandem.ops.rows.pad(x, padded), __torch__.tandem.ops.rows.pad(y, padded))
  return wide[: y.size(0)]

def reads_output(stack: __torch__.tandem.adapter.change.Stack, block: int) -> bool:
  return __torch__.tandem.adapter.bottleneck.reads_output(stack.bottlenecks, block)

# Its backward pass, as in bottleneck.backward. learns: whether its layer does now; x, y, dy [n, C]
def backward_block(stack: __torch__.tandem.adapter.change.Stack, block: int, learns: bool,
                   padded: bool, x: Tensor, y: Tensor, dy: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
  groups, learner, rows = stack.bottlenecks, stack.trainee.bottleneck, dy.size(0)
  if len(groups) == 0:
    return (dy, annotate(Optional[Tensor], None))
  doutput, dstream = __torch__.tandem.adapter.bottleneck.backward(
      groups, learner, learns and len(learner.parts) > 0, stack.lane, block,
      __torch__.tandem.ops.rows.pad(x, padded), __torch__.tandem.ops.rows.pad(y, padded),
      __torch__.tandem.ops.rows.pad(dy, padded))
  if dstream is not None:
    dstream = dstream[:rows]
  return (doutput[:rows], dstream)

# Copies what the trainee has learned in the banks from first to last into its slot, and its virtual tokens and modules
# in full with the first.
def publish_(self: __torch__.tandem.adapter.change.Changes,
             trainee: __torch__.tandem.adapter.trainee.Trainee, first: int, last: int) -> None:
  for bank in range(first, last):
    published = __torch__.tandem.adapter.low_rank.publish_(
        trainee.low_rank[bank], self.low_rank, trainee.slot, bank)
    published = published + __torch__.tandem.adapter.scale.publish_(
        trainee.scale[bank], self.scale, trainee.slot, bank)
    published = published + __torch__.tandem.adapter.dora.publish_(
        trainee.dora[bank], self.bases, self.low_rank, self.scale, trainee.slot, bank)
    __torch__.tandem.adapter.core.publish_(trainee.core[bank], self.low_rank, trainee.slot, bank)
    published = published + __torch__.tandem.adapter.singular.publish_(
        trainee.singular[bank], self.low_rank, trainee.slot, bank)
    if bank == 0:
      published = published + __torch__.tandem.adapter.prompt.publish_(trainee.prompt, self.prompts,
                                                                       trainee.slot)
      published = published + __torch__.tandem.adapter.prefix.publish_(trainee.prefix, self.prefixes,
                                                                       trainee.slot)
      published = published + __torch__.tandem.adapter.full.publish_(trainee.full, self.full,
                                                                     trainee.slot)
    block = __torch__.tandem.adapter.bottleneck.block_of(bank, self.low_rank.linears)
    published = published + __torch__.tandem.adapter.bottleneck.publish_(
        trainee.bottleneck, self.bottlenecks, trainee.slot, block)
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
  torch.masked_fill_(self.prefixes.table[slot], broken[0], 0.)
  torch.masked_fill_(self.full.embeddings[slot], broken[0], 0.)
  torch.masked_fill_(self.full.heads[slot], broken[0], 0.)
  for bank in range(len(trainee.low_rank)):
    torch.masked_fill_(self.low_rank.a[bank][slot], broken[bank], 0.)
    torch.masked_fill_(self.low_rank.b[bank][slot], broken[bank], 0.)
    torch.masked_fill_(self.scale.inputs[bank][slot], broken[bank], 0.)
    torch.masked_fill_(self.scale.outputs[bank][slot], broken[bank], 0.)
    if self.scale.shifts[bank].size(0) > 0:
      torch.masked_fill_(self.scale.shifts[bank][slot], broken[bank], 0.)
    block = __torch__.tandem.adapter.bottleneck.block_of(bank, self.low_rank.linears)
    if block >= 0:
      torch.masked_fill_(self.bottlenecks.down[block][slot], broken[bank], 0.)
      torch.masked_fill_(self.bottlenecks.bias[block][slot], broken[bank], 0.)
      torch.masked_fill_(self.bottlenecks.up[block][slot], broken[bank], 0.)
