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
  singles : __torch__.tandem.adapter.single_weights.Singles
  own : __torch__.tandem.adapter.own_weight.Weights
  def __init__(self: __torch__.tandem.adapter.change.Changes,
               low_rank: __torch__.tandem.adapter.low_rank.Adapters,
               scale: __torch__.tandem.adapter.scale.Scales,
               bases: __torch__.tandem.adapter.dora.Bases,
               prompts: __torch__.tandem.adapter.prompt.Prompts,
               prefixes: __torch__.tandem.adapter.prefix.Prefixes,
               bottlenecks: __torch__.tandem.adapter.bottleneck.Bottlenecks,
               full: __torch__.tandem.adapter.full.Full,
               singles: __torch__.tandem.adapter.single_weights.Singles,
               own: __torch__.tandem.adapter.own_weight.Weights) -> None:
    self.low_rank = low_rank
    self.scale = scale
    self.bases = bases
    self.prompts = prompts
    self.prefixes = prefixes
    self.bottlenecks = bottlenecks
    self.full = full
    self.singles = singles
    self.own = own

# The adapters that rows use.
class Users:
  low_rank : __torch__.tandem.adapter.row_adapters.Rows
  # as in scale.scale; not read if nothing is scaled
  places : Tensor
  # whether any has a bottleneck
  narrows : bool
  singles : __torch__.tandem.adapter.single_weights.Users
  own : __torch__.tandem.adapter.own_weight.Users
  def __init__(self: __torch__.tandem.adapter.change.Users,
               low_rank: __torch__.tandem.adapter.row_adapters.Rows, places: Tensor,
               narrows: bool,
               singles: __torch__.tandem.adapter.single_weights.Users,
               own: __torch__.tandem.adapter.own_weight.Users) -> None:
    self.low_rank = low_rank
    self.places = places
    self.narrows = narrows
    self.singles = singles
    self.own = own

# The adapters of rows of a backward window: one that learns, in a lane, and those below it that do not.
class Stack:
  frozen : __torch__.tandem.adapter.low_rank.Frozen
  trainee : __torch__.tandem.adapter.trainee.Trainee
  lane : int
  # of all of them, as in Scales.active, and as in scale.scale
  scaled : List[int]
  places : Tensor
  bottlenecks : List[__torch__.tandem.adapter.bottleneck.Whole]
  # slots of those with single weights
  singles : List[int]
  def __init__(self: __torch__.tandem.adapter.change.Stack,
               frozen: __torch__.tandem.adapter.low_rank.Frozen,
               trainee: __torch__.tandem.adapter.trainee.Trainee, lane: int, scaled: List[int],
               places: Tensor,
               bottlenecks: List[__torch__.tandem.adapter.bottleneck.Whole],
               singles: List[int]) -> None:
    self.frozen = frozen
    self.trainee = trainee
    self.lane = lane
    self.scaled = scaled
    self.places = places
    self.bottlenecks = bottlenecks
    self.singles = singles

# Neighbouring rows of a backward window with the same adapters.
class Span:
  stack : __torch__.tandem.adapter.change.Stack
  # among the window's
  first : int
  end : int
  # as in batch.Batch, of these rows
  windows : List[int]
  def __init__(self: __torch__.tandem.adapter.change.Span,
               stack: __torch__.tandem.adapter.change.Stack, first: int, end: int,
               windows: List[int]) -> None:
    self.stack = stack
    self.first = first
    self.end = end
    self.windows = windows

# The spans of a window share what is done with the frozen weights; what adapters do is done span by span. Rows
# with weights of their own are the only span of theirs.

# x [n, width] -> of each span its rows, with those of zeros that products get. One span has all rows.
def split(spans: List[__torch__.tandem.adapter.change.Span], x: Tensor,
          padded: bool) -> List[Tensor]:
  if len(spans) == 1:
    return [__torch__.tandem.ops.rows.pad(x, padded)]
  return [__torch__.tandem.ops.rows.pad(x[span.first : span.end], padded) for span in spans]

# The other way round.
def join(spans: List[__torch__.tandem.adapter.change.Span], parts: List[Tensor],
         padded: bool) -> Tensor:
  if len(spans) == 1:
    return parts[0]
  if not padded:
    return torch.cat(parts)
  rows = [parts[i][: spans[i].end - spans[i].first] for i in range(len(spans))]
  return __torch__.tandem.ops.rows.pad(torch.cat(rows), True)

# Whether channels are scaled in any of the spans.
def scales(spans: List[__torch__.tandem.adapter.change.Span]) -> bool:
  any = False
  for span in spans:
    any = any or len(span.stack.scaled) > 0
  return any

# sizes: as in low_rank.new; full: how many modules adapters may have in full together
def new(model: __torch__.tandem.model.Model, slots: int, rank: int, sizes: List[int],
        full: int) -> __torch__.tandem.adapter.change.Changes:
  biases = annotate(List[Tensor], [])
  widths = annotate(List[int], [])
  bases = __torch__.tandem.adapter.dora.Bases()
  for layer in model.layers:
    for index in range(len(layer.linears)):
      linear = layer.linears[index]
      widths.append(sizes[3 * index + 2])
      bases.linears.append(linear)
      bases.squares.append(torch.empty([0], device=model.embedding.device))
      bias = linear.bias
      biases.append(torch.empty([0], device=model.embedding.device) if bias is None else bias)
  return __torch__.tandem.adapter.change.Changes(
      __torch__.tandem.adapter.low_rank.new(model.shape.layers, slots, rank, sizes, model.embedding,
                                          model.shape.experts == 0),
      __torch__.tandem.adapter.scale.new(slots, sizes, biases, model.embedding), bases,
      __torch__.tandem.adapter.prompt.new(slots, rank, model.embedding),
      __torch__.tandem.adapter.prefix.new(model.shape, slots, rank, model.embedding),
      __torch__.tandem.adapter.bottleneck.Bottlenecks(2 * model.shape.layers, slots, 1 + rank,
                                                      model.embedding),
      __torch__.tandem.adapter.full.Full(slots, full, model.embedding),
      __torch__.tandem.adapter.single_weights.Singles(slots, widths, model.embedding),
      __torch__.tandem.adapter.own_weight.Weights(slots))

def clear_(self: __torch__.tandem.adapter.change.Changes, slot: int) -> None:
  __torch__.tandem.adapter.low_rank.clear_(self.low_rank, slot)
  __torch__.tandem.adapter.scale.clear_(self.scale, slot)
  torch.zero_(__torch__.tandem.adapter.prompt.of_slot(self.prompts, slot))
  torch.zero_(self.prefixes.table[slot])
  __torch__.tandem.adapter.bottleneck.clear_(self.bottlenecks, slot)
  __torch__.tandem.adapter.change.release_(self, slot)

# Frees what a slot has that is not in tables for all.
def release_(self: __torch__.tandem.adapter.change.Changes, slot: int) -> None:
  __torch__.tandem.adapter.full.clear_(self.full, slot)
  __torch__.tandem.adapter.single_weights.clear_(self.singles, slot)
  __torch__.tandem.adapter.own_weight.clear_(self.own, slot)

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
    if len(self.singles.slots[slot]) > 0:
      torch.mul_(self.singles.slots[slot][bank].values, factor)

# Makes ready what rows use. slots: of their adapters; scaled: of those, as in scale.union
def activate_(self: __torch__.tandem.adapter.change.Changes, slots: List[int],
              scaled: List[int]) -> None:
  self.scale.active = __torch__.tandem.adapter.scale.union(self.scale.linears, scaled)
  __torch__.tandem.adapter.single_weights.activate_(self.singles, slots)

# Before rows are multiplied one by one with what is in the slot. ranks: a number for each linear of a layer
def turn_(self: __torch__.tandem.adapter.change.Changes, slot: int, ranks: List[int]) -> None:
  __torch__.tandem.adapter.low_rank.turn_(self.low_rank, slot, ranks)
  __torch__.tandem.adapter.bottleneck.turn_(self.bottlenecks, slot)

# stacks [S, N]: the slots of each row's adapters, -1 for none; mixed: whether rows differ in them; single: as in
# single_weights.users; own: slot and first row of own_weight.Users, or empty
def users(self: __torch__.tandem.adapter.change.Changes,
          low_rank: __torch__.tandem.adapter.row_adapters.Rows, stacks: Tensor, mixed: bool,
          single: Tensor, own: List[int]) -> __torch__.tandem.adapter.change.Users:
  places = stacks
  if len(low_rank.singles.joined.owners) > 0:
    __torch__.tandem.adapter.row_adapters.mask_(low_rank, stacks)
  if len(self.scale.active) > 0:
    places = __torch__.tandem.adapter.scale.places(self.scale, stacks if mixed else stacks[:, :1])
  singles = low_rank.singles
  narrows = len(singles.bottlenecks) > 0
  for slot in low_rank.frozen.slots + singles.frozen.slots:
    narrows = narrows or len(self.bottlenecks.kinds[slot]) > 0
  return __torch__.tandem.adapter.change.Users(
      low_rank, places, narrows,
      __torch__.tandem.adapter.single_weights.users(self.singles, stacks, mixed, single),
      __torch__.tandem.adapter.own_weight.Users(own[0] if len(own) > 0 else -1,
                                                own[1] if len(own) > 0 else 0))

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
      len(scaled) == 0 or scaled[linear] == 0) and (
      __torch__.tandem.adapter.single_weights.is_idle(self.singles, bank))

# The bank's linear with the rows' adapters: x [N, in] -> [N, out]. mask, places: of these rows
def forward(self: __torch__.tandem.adapter.change.Changes, bank: int,
            linear: __torch__.tandem.ops.linear.Linear, users: __torch__.tandem.adapter.change.Users,
            mask: Optional[Tensor], places: Tensor, x: Tensor) -> Tensor:
  inputs = __torch__.tandem.adapter.scale.forward_inputs(self.scale, self.scale.active, bank, places, x)
  if users.own.slot >= 0:
    y = __torch__.tandem.adapter.own_weight.forward(self.own, users.own, bank, linear, inputs)
  else:
    y = __torch__.tandem.ops.linear.forward(linear, inputs)
  return __torch__.tandem.adapter.change.forward_outputs(self, bank, users, mask, places, x, y)

# y [N, out], the product with the weights of the bank, in place or not
def forward_outputs(self: __torch__.tandem.adapter.change.Changes, bank: int,
                    users: __torch__.tandem.adapter.change.Users, mask: Optional[Tensor], places: Tensor,
                    x: Tensor, y: Tensor) -> Tensor:
  y = __torch__.tandem.adapter.scale.forward_outputs(self.scale, self.scale.active, bank, places, y)
  y = __torch__.tandem.adapter.row_adapters.forward_(users.low_rank, self.low_rank, bank, x, y, mask)
  return __torch__.tandem.adapter.single_weights.forward_(self.singles, users.singles, bank, x, y)

# What a block, counted as in bottleneck.py, adds to the residual stream x [N, C], with the rows' adapters, after
# those of its linears: y [N, C] -> y. padded: whether products get rows of zeros, see ops/rows.py
def forward_block(self: __torch__.tandem.adapter.change.Changes, block: int,
                  users: __torch__.tandem.adapter.change.Users, padded: bool, x: Tensor,
                  y: Tensor) -> Tensor:
  if not users.narrows:
    return y
  rows, singles = users.low_rank, users.low_rank.singles
  return __torch__.tandem.adapter.bottleneck.forward_rows(
      self.bottlenecks, block, rows.runs, rows.frozen.slots, singles.gathered, singles.frozen.slots,
      singles.bottlenecks, padded, x, y)

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
      __torch__.tandem.adapter.bottleneck.of_slots(self.bottlenecks, slots),
      __torch__.tandem.adapter.single_weights.having(self.singles, slots))

# The bank's linear with the adapters of a backward window's rows, as in the forward pass. x [n, in] ->
# [n or more, out]
def forward_again(self: __torch__.tandem.adapter.change.Changes,
                  spans: List[__torch__.tandem.adapter.change.Span], bank: int,
                  linear: __torch__.tandem.ops.linear.Linear, x: Tensor) -> Tensor:
  own = self.own.slots[spans[0].stack.trainee.slot]
  if len(own) > 0:
    return __torch__.tandem.adapter.own_weight.product(own[bank], linear, x)
  xs = __torch__.tandem.adapter.change.split(spans, x, linear.padded)
  input = xs[0] if len(spans) == 1 else __torch__.tandem.ops.rows.pad(x, linear.padded)
  if __torch__.tandem.adapter.change.scales(spans):
    inputs = annotate(List[Tensor], [])
    for i in range(len(spans)):
      stack = spans[i].stack
      inputs.append(__torch__.tandem.adapter.scale.forward_inputs(self.scale, stack.scaled, bank,
                                                                  stack.places, xs[i]))
    input = __torch__.tandem.adapter.change.join(spans, inputs, linear.padded)
  y = __torch__.tandem.ops.linear.forward(linear, input)
  ys = __torch__.tandem.adapter.change.split(spans, y, linear.padded)
  outputs = annotate(List[Tensor], [])
  for i in range(len(spans)):
    stack = spans[i].stack
    y = __torch__.tandem.adapter.scale.forward_outputs(self.scale, stack.scaled, bank, stack.places, ys[i])
    y = __torch__.tandem.adapter.low_rank.forward_frozen(self.low_rank, stack.frozen, bank, xs[i], y)
    y = __torch__.tandem.adapter.single_weights.forward_again(self.singles, stack.singles, bank, xs[i], y)
    outputs.append(__torch__.tandem.adapter.low_rank.forward_learner(
        stack.trainee.low_rank[bank], self.low_rank, stack.trainee.slot, bank, xs[i], y))
  return __torch__.tandem.adapter.change.join(spans, outputs, linear.padded)

# Its backward pass: x [n, in] its input, dy [n, out] the gradient of its output -> that of its input [n or
# more, in]. Adds to the gradients of what learns, unless the bank does not learn now.
def backward(self: __torch__.tandem.adapter.change.Changes,
             spans: List[__torch__.tandem.adapter.change.Span], bank: int,
             linear: __torch__.tandem.ops.linear.Linear, x: Tensor, dy: Tensor) -> Tensor:
  alone = spans[0].stack
  own = self.own.slots[alone.trainee.slot]
  if len(own) > 0:
    if alone.trainee.learns[bank]:
      __torch__.tandem.adapter.quantized.backward_learner_(alone.trainee.quantized[bank], own[bank],
                                                           alone.lane, x, dy)
      __torch__.tandem.adapter.sparse.backward_learner_(alone.trainee.sparse[bank], own[bank],
                                                        alone.lane, x, dy)
    return torch.matmul(dy, own[bank].weight)
  dys = __torch__.tandem.adapter.change.split(spans, dy, linear.padded)
  dbase = dys[0] if len(spans) == 1 else __torch__.tandem.ops.rows.pad(dy, linear.padded)
  if __torch__.tandem.adapter.change.scales(spans):
    dbases = annotate(List[Tensor], [])
    for i in range(len(spans)):
      stack = spans[i].stack
      dbases.append(__torch__.tandem.adapter.scale.backward_outputs(self.scale, stack.scaled, bank,
                                                                    stack.places, dys[i]))
    dbase = __torch__.tandem.adapter.change.join(spans, dbases, linear.padded)
  dinput = __torch__.tandem.ops.linear.backward(linear, dbase)
  dinputs = __torch__.tandem.adapter.change.split(spans, dinput, linear.padded)
  xs = __torch__.tandem.adapter.change.split(spans, x, linear.padded)
  dxs = annotate(List[Tensor], [])
  for i in range(len(spans)):
    dxs.append(__torch__.tandem.adapter.change.backward_span(self, spans[i].stack, bank, linear, xs[i], dys[i],
                                                             dinputs[i]))
  return __torch__.tandem.adapter.change.join(spans, dxs, linear.padded)

# What the adapters of some rows make of it. dinputs: the gradient of what came into the frozen weight
def backward_span(self: __torch__.tandem.adapter.change.Changes,
                  stack: __torch__.tandem.adapter.change.Stack, bank: int,
                  linear: __torch__.tandem.ops.linear.Linear, x: Tensor, dy: Tensor,
                  dinputs: Tensor) -> Tensor:
  trainee, scaled, places = stack.trainee, stack.scaled, stack.places
  learns = trainee.learns[bank]
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
  dx = __torch__.tandem.adapter.single_weights.backward(self.singles, stack.singles, bank, dy, dx)
  __torch__.tandem.adapter.sensitivity.backward_(trainee.sensed[bank], stack.lane, x, dy)
  if not learns:
    return __torch__.tandem.adapter.low_rank.backward_resting(
        trainee.low_rank[bank], self.low_rank, trainee.slot, bank, dy, dx)
  __torch__.tandem.adapter.singular.backward_learner_(trainee.singular[bank], stack.lane, self.low_rank,
                                                      trainee.slot, bank, x, dy)
  __torch__.tandem.adapter.single_weights.backward_learner_(
      trainee.singles[bank], self.singles, trainee.slot, bank, stack.lane, x, dy)
  return __torch__.tandem.adapter.low_rank.backward_learner(
      trainee.low_rank[bank], stack.lane, self.low_rank, trainee.slot, bank, x, dy, dx)

# The block's output with the adapters of a backward window's rows, as in the forward pass.
def forward_block_again(spans: List[__torch__.tandem.adapter.change.Span], block: int, padded: bool,
                        x: Tensor, y: Tensor) -> Tensor:
  if not __torch__.tandem.adapter.change.has_bottlenecks(spans):
    return y
  xs = __torch__.tandem.adapter.change.split(spans, x, False)
  ys = __torch__.tandem.adapter.change.split(spans, y, False)
  outputs = annotate(List[Tensor], [])
  for i in range(len(spans)):
    outputs.append(__torch__.tandem.adapter.bottleneck.forward(
        spans[i].stack.bottlenecks, block, padded, xs[i], ys[i]))
  return __torch__.tandem.adapter.change.join(spans, outputs, False)

def has_bottlenecks(spans: List[__torch__.tandem.adapter.change.Span]) -> bool:
  has = False
  for span in spans:
    has = has or len(span.stack.bottlenecks) > 0
  return has

def reads_output(spans: List[__torch__.tandem.adapter.change.Span], block: int) -> bool:
  reads = False
  for span in spans:
    reads = reads or __torch__.tandem.adapter.bottleneck.reads_output(span.stack.bottlenecks, block)
  return reads

# Its backward pass, as in bottleneck.backward. bank: the first of the block's layer; x, y, dy [n, C]
def backward_block(spans: List[__torch__.tandem.adapter.change.Span], block: int, bank: int,
                   padded: bool, x: Tensor, y: Tensor, dy: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
  if not __torch__.tandem.adapter.change.has_bottlenecks(spans):
    return (dy, annotate(Optional[Tensor], None))
  xs = __torch__.tandem.adapter.change.split(spans, x, padded)
  ys = __torch__.tandem.adapter.change.split(spans, y, padded)
  dys = __torch__.tandem.adapter.change.split(spans, dy, padded)
  doutputs = annotate(List[Tensor], [])
  dstreams = annotate(List[Tensor], [])
  reads = False
  for i in range(len(spans)):
    stack = spans[i].stack
    learner = stack.trainee.bottleneck
    learns = stack.trainee.learns[bank] and len(learner.parts) > 0
    doutput, dstream = __torch__.tandem.adapter.bottleneck.backward(
        stack.bottlenecks, learner, learns, stack.lane, block, xs[i], ys[i], dys[i])
    doutputs.append(doutput)
    reads = reads or dstream is not None
    dstreams.append(torch.zeros_like(xs[i]) if dstream is None else dstream)
  rows = dy.size(0)
  dstream = annotate(Optional[Tensor], None)
  if reads:
    dstream = __torch__.tandem.adapter.change.join(spans, dstreams, padded)[:rows]
  return (__torch__.tandem.adapter.change.join(spans, doutputs, padded)[:rows], dstream)

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
    published = published + __torch__.tandem.adapter.single_weights.publish_(
        trainee.singles[bank], self.singles, trainee.slot, bank)
    if len(self.own.slots[trainee.slot]) > 0:
      published = published + __torch__.tandem.adapter.change.publish_own_(self, trainee, bank)
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

# The weight that the trainee has of its own.
def publish_own_(self: __torch__.tandem.adapter.change.Changes,
                 trainee: __torch__.tandem.adapter.trainee.Trainee, bank: int) -> List[Tensor]:
  own = self.own.slots[trainee.slot][bank]
  dense = __torch__.tandem.ops.linear.dense(self.bases.linears[bank])
  __torch__.tandem.adapter.own_weight.keep_(own, dense)
  published = __torch__.tandem.adapter.quantized.publish_(trainee.quantized[bank], own, dense)
  return published + __torch__.tandem.adapter.sparse.publish_(trainee.sparse[bank], own, dense)

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
    if len(self.singles.slots[slot]) > 0:
      torch.masked_fill_(self.singles.slots[slot][bank].values, broken[bank], 0.)
