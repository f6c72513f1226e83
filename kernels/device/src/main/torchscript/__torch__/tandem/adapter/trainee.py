# An adapter that learns. All its parameters are one float32 vector, and so are their gradients, of which
# every lane that goes backward at the same time has a vector of its own; the adapter's slot holds a
# copy as the forms keep it. What updates the vector is in optim/.
class Trainee:
  slot : int
  weights : Tensor
  # [lanes, numbers]
  gradients : Tensor
  # per bank, the least and the largest number of each tensor as published last, [banks, 2 MOST] float32
  extremes : Tensor
  # per bank, whether it learns now, and what it learns in each form
  learns : List[bool]
  # whether outputs are compared, as in estimate.py
  compares : bool
  low_rank : List[__torch__.tandem.adapter.low_rank.Learner]
  scale : List[__torch__.tandem.adapter.scale.Learner]
  dora : List[__torch__.tandem.adapter.dora.Learner]
  core : List[__torch__.tandem.adapter.core.Learner]
  singular : List[__torch__.tandem.adapter.singular.Learner]
  singles : List[__torch__.tandem.adapter.single_weights.Learner]
  quantized : List[__torch__.tandem.adapter.quantized.Learner]
  sparse : List[__torch__.tandem.adapter.sparse.Learner]
  # as in sensitivity.py
  sensed : List[Tensor]
  # of each core [cores] float32
  importance : Tensor
  prompt : __torch__.tandem.adapter.prompt.Learner
  prefix : __torch__.tandem.adapter.prefix.Learner
  bottleneck : __torch__.tandem.adapter.bottleneck.Learner
  full : __torch__.tandem.adapter.full.Learner
  def __init__(self: __torch__.tandem.adapter.trainee.Trainee, slot: int,
               weights: Tensor, lanes: int, banks: int) -> None:
    self.slot = slot
    self.weights = weights
    self.gradients = torch.zeros([lanes, weights.size(0)], device=weights.device)
    self.extremes = torch.zeros([banks, 2 * 8], device=weights.device)
    self.learns = [True for bank in range(banks)]
    self.compares = False
    self.low_rank = annotate(List[__torch__.tandem.adapter.low_rank.Learner], [])
    self.scale = annotate(List[__torch__.tandem.adapter.scale.Learner], [])
    self.dora = annotate(List[__torch__.tandem.adapter.dora.Learner], [])
    self.core = annotate(List[__torch__.tandem.adapter.core.Learner], [])
    self.singular = annotate(List[__torch__.tandem.adapter.singular.Learner], [])
    self.singles = annotate(List[__torch__.tandem.adapter.single_weights.Learner], [])
    self.quantized = annotate(List[__torch__.tandem.adapter.quantized.Learner], [])
    self.sparse = annotate(List[__torch__.tandem.adapter.sparse.Learner], [])
    self.sensed = [weights[:0] for bank in range(banks)]
    self.importance = weights[:0]
    self.prompt = __torch__.tandem.adapter.prompt.Learner(torch.view(weights[:0], [0, 1]), annotate(List[Tensor], []))
    self.prefix = __torch__.tandem.adapter.prefix.Learner(weights[:0], annotate(List[Tensor], []))
    self.bottleneck = __torch__.tandem.adapter.bottleneck.Learner()
    self.full = __torch__.tandem.adapter.full.Learner(torch.view(weights[:0], [0, 1]))

def view(flat: Tensor, offset: int, rows: int, columns: int) -> Tensor:
  return torch.view(flat[offset : offset + rows * columns], [rows, columns])

# The same view of every lane's gradients.
def views(self: __torch__.tandem.adapter.trainee.Trainee, offset: int, rows: int,
          columns: int) -> List[Tensor]:
  lanes = annotate(List[Tensor], [])
  for lane in range(self.gradients.size(0)):
    lanes.append(__torch__.tandem.adapter.trainee.view(self.gradients[lane], offset, rows, columns))
  return lanes

# The same of so many numbers.
def vectors(self: __torch__.tandem.adapter.trainee.Trainee, offset: int, numbers: int) -> List[Tensor]:
  return [gradients[offset : offset + numbers] for gradients in torch.unbind(self.gradients)]

# weights [numbers] are updated. banks: four numbers each: ranks of all parts that learn, inputs, offset of A in
# the vector, all ranks.
# factors: six numbers for each part: bank, row, rank, column, width, offset of B^T in the vector.
# scales: five numbers for each part: bank, side, column, width, offset in the vector.
# magnitudes: three numbers for each part with factors that has some: which one that is, their offset in the vector, and
# 1 if they are those of the weight, which bases tell. virtual: of virtual tokens how many there are, their width and
# offset in the vector, and the vocabulary's tokens whose embeddings they start with; empty if there are none.
# prefix: of virtual tokens with keys and values how many there are and their offset, or empty.
# cores: as in add_cores_. values and vectors: as in add_values_.
def new(slot: int, weights: Tensor, lanes: int, banks: List[int], factors: List[int],
        scalings: List[float], scales: List[int], magnitudes: List[int],
        virtual: List[int], prefix: List[int], cores: List[int], values: List[int],
        vectors: List[Tensor], bases: __torch__.tandem.adapter.dora.Bases,
        prompts: __torch__.tandem.adapter.prompt.Prompts,
        prefixes: __torch__.tandem.adapter.prefix.Prefixes,
        like: Tensor) -> __torch__.tandem.adapter.trainee.Trainee:
  count = len(banks) // 4
  self = __torch__.tandem.adapter.trainee.Trainee(slot, weights, lanes, count)
  for bank in range(count):
    ranks, inputs, offset, all = banks[4 * bank : 4 * bank + 4]
    self.low_rank.append(__torch__.tandem.adapter.low_rank.Learner(
        __torch__.tandem.adapter.trainee.view(self.weights, offset, ranks, inputs),
        __torch__.tandem.adapter.trainee.views(self, offset, ranks, inputs), offset, all))
    self.scale.append(__torch__.tandem.adapter.scale.Learner())
    self.dora.append(__torch__.tandem.adapter.dora.Learner())
    self.core.append(__torch__.tandem.adapter.core.Learner())
    self.singular.append(__torch__.tandem.adapter.singular.Learner())
    self.singles.append(__torch__.tandem.adapter.single_weights.Learner())
    self.quantized.append(__torch__.tandem.adapter.quantized.Learner())
    self.sparse.append(__torch__.tandem.adapter.sparse.Learner())
  for i in range(len(factors) // 6):
    place = factors[6 * i : 6 * i + 6]
    rank, width, offset = place[2], place[4], place[5]
    b = __torch__.tandem.adapter.trainee.view(self.weights, offset, rank, width)
    db = __torch__.tandem.adapter.trainee.views(self, offset, rank, width)
    self.low_rank[place[0]].parts.append(
        __torch__.tandem.adapter.low_rank.Part(place, scalings[i], b, db))
  for i in range(len(scales) // 5):
    bank, side, column, width, offset = scales[5 * i : 5 * i + 5]
    w = self.weights[offset : offset + width]
    dw = __torch__.tandem.adapter.trainee.vectors(self, offset, width)
    self.scale[bank].parts.append(__torch__.tandem.adapter.scale.Part(side, column, w, dw, False))
  for i in range(len(magnitudes) // 3):
    which, offset, fresh = magnitudes[3 * i : 3 * i + 3]
    bank, column, width = factors[6 * which], factors[6 * which + 3], factors[6 * which + 4]
    w = self.weights[offset : offset + width]
    dw = __torch__.tandem.adapter.trainee.vectors(self, offset, width)
    magnitude = __torch__.tandem.adapter.scale.Part(1, column, w, dw, True)
    self.scale[bank].parts.append(magnitude)
    row = factors[6 * which + 1]
    for factor in self.low_rank[bank].parts:
      if factor.row == row:
        part = __torch__.tandem.adapter.dora.Part(factor, magnitude, factors[6 * which + 5], offset)
        if fresh == 1:
          __torch__.tandem.adapter.dora.start_(part, bases, torch.to(self.low_rank[bank].a, like.dtype))
        self.dora[bank].parts.append(part)
  __torch__.tandem.adapter.trainee.add_cores_(self, cores)
  __torch__.tandem.adapter.trainee.add_values_(self, values, vectors, like)
  if len(virtual) > 0:
    tokens, width, offset = virtual[:3]
    w = __torch__.tandem.adapter.trainee.view(self.weights, offset, tokens, width)
    dw = __torch__.tandem.adapter.trainee.views(self, offset, tokens, width)
    self.prompt = __torch__.tandem.adapter.prompt.Learner(w, dw)
    if len(virtual) > 3:
      torch.copy_(w, __torch__.tandem.adapter.prompt.of_tokens(prompts, virtual[3:]))
  if len(prefix) > 0:
    size = prefixes.table[slot, : prefix[0]].size()
    columns = torch.numel(prefixes.table[slot, 0])
    w = __torch__.tandem.adapter.trainee.view(self.weights, prefix[1], prefix[0], columns)
    dw = [torch.view(lane, size) for lane in
          __torch__.tandem.adapter.trainee.views(self, prefix[1], prefix[0], columns)]
    self.prefix = __torch__.tandem.adapter.prefix.Learner(torch.view(w, size), dw)
  return self

# All parts with factors, in the order in which new got them.
def parts(self: __torch__.tandem.adapter.trainee.Trainee) -> List[__torch__.tandem.adapter.low_rank.Part]:
  parts = annotate(List[__torch__.tandem.adapter.low_rank.Part], [])
  for learner in self.low_rank:
    for part in learner.parts:
      parts.append(part)
  return parts

# cores: four numbers for each part with factors that has one: which one that is, the
# core's offset in the vector, whether it is full, whether its importance is asked for.
def add_cores_(self: __torch__.tandem.adapter.trainee.Trainee, cores: List[int]) -> None:
  parts = __torch__.tandem.adapter.trainee.parts(self)
  count = len(cores) // 4
  order = __torch__.tandem.adapter.core.new_order(0, self.weights.device)
  self.importance = torch.zeros([count], device=self.weights.device)
  for i in range(count):
    which, offset, full, asked = cores[4 * i : 4 * i + 4]
    own = parts[which]
    room = own.rank if full == 1 else 0
    # One for all parts of that many ranks.
    if order.size(0) != room:
      order = __torch__.tandem.adapter.core.new_order(room, self.weights.device)
    numbers = own.rank * own.rank if full == 1 else own.rank
    self.core[own.bank].parts.append(__torch__.tandem.adapter.core.Part(
        own, self.weights[offset : offset + numbers], order, own.at, offset,
        self.importance[i : i + asked]))

# values: six numbers for each part whose singular values learn: bank, row, rank, column, width, offset in the vector.
# vectors: U^T of each [rank, width], which is copied.
def add_values_(self: __torch__.tandem.adapter.trainee.Trainee, values: List[int], vectors: List[Tensor],
                like: Tensor) -> None:
  for i in range(len(vectors)):
    place = values[6 * i : 6 * i + 6]
    rank, offset = place[2], place[5]
    dw = __torch__.tandem.adapter.trainee.vectors(self, offset, rank)
    u = torch.empty([rank, place[4]], dtype=like.dtype, device=like.device)
    torch.copy_(u, vectors[i])
    self.singular[place[0]].parts.append(__torch__.tandem.adapter.singular.Part(
        place[1:5], u, self.weights[offset : offset + rank], dw))

# What it has beside its vector that does not learn.
def fixed(self: __torch__.tandem.adapter.trainee.Trainee) -> List[Tensor]:
  vectors = annotate(List[Tensor], [])
  for learner in self.singular:
    for part in learner.parts:
      vectors.append(part.u)
  return vectors + self.full.copies

# places: three numbers for each bias: which part with factors it belongs to, in their order, its rank, and its
# offset in the vector.
def add_biases_(self: __torch__.tandem.adapter.trainee.Trainee, places: List[int]) -> None:
  parts = __torch__.tandem.adapter.trainee.parts(self)
  for i in range(len(places) // 3):
    which, row, offset = places[3 * i : 3 * i + 3]
    part = parts[which]
    w = self.weights[offset : offset + part.width]
    dw = __torch__.tandem.adapter.trainee.vectors(self, offset, part.width)
    self.low_rank[part.bank].biases.append(
        __torch__.tandem.adapter.low_rank.Bias(part, row, w, dw))

# places: four numbers for each module with single weights: bank, the first of them among the bank's, how many, and
# their offset in the vector.
def add_singles_(self: __torch__.tandem.adapter.trainee.Trainee, places: List[int]) -> None:
  for i in range(len(places) // 4):
    bank, at, count, offset = places[4 * i : 4 * i + 4]
    dw = __torch__.tandem.adapter.trainee.vectors(self, offset, count)
    self.singles[bank].parts.append(__torch__.tandem.adapter.single_weights.Part(
        at, self.weights[offset : offset + count], dw))

# places: nine numbers for each module over quantized weights: bank, column, width, rank, bits, group size, and the
# offsets of A, B and the step sizes in the vector. half: as in quantized.Part; like: of the type of activations
def add_quantized_(self: __torch__.tandem.adapter.trainee.Trainee,
                   own: __torch__.tandem.adapter.own_weight.Weights, widths: List[int],
                   places: List[int], scalings: List[float], half: bool, like: Tensor) -> None:
  inputs = [learner.a.size(1) for learner in self.low_rank]
  if len(scalings) > 0:
    __torch__.tandem.adapter.own_weight.occupy_(own, self.slot, widths, inputs, like, [like.dtype])
  for i in range(len(scalings)):
    place = places[9 * i : 9 * i + 9]
    bank, column, width, rank, bits, group = place[:6]
    __torch__.tandem.adapter.own_weight.cover_(own.slots[self.slot][bank], width)
    groups = inputs[bank] // group
    views = [__torch__.tandem.adapter.trainee.view(self.weights, place[6], rank, inputs[bank]),
             __torch__.tandem.adapter.trainee.view(self.weights, place[7], width, rank),
             __torch__.tandem.adapter.trainee.view(self.weights, place[8], width, groups)]
    self.quantized[bank].parts.append(__torch__.tandem.adapter.quantized.Part(
        place, scalings[i], half, views,
        __torch__.tandem.adapter.trainee.views(self, place[6], rank, inputs[bank]),
        __torch__.tandem.adapter.trainee.views(self, place[7], width, rank),
        __torch__.tandem.adapter.trainee.views(self, place[8], width, groups)))

# places: six numbers for each module over sparse weights: bank, column, width, rank, how many numbers are left out,
# and the offset of its own in the vector. half: as in sparse.Part; like: of the type of activations
def add_sparse_(self: __torch__.tandem.adapter.trainee.Trainee,
                own: __torch__.tandem.adapter.own_weight.Weights, widths: List[int],
                places: List[int], half: bool, like: Tensor) -> None:
  inputs = [learner.a.size(1) for learner in self.low_rank]
  if len(places) > 0:
    __torch__.tandem.adapter.own_weight.occupy_(own, self.slot, widths, inputs, like, [like.dtype, 11])
  for i in range(len(places) // 6):
    bank, column, width, rank, pruned, at = places[6 * i : 6 * i + 6]
    __torch__.tandem.adapter.own_weight.cover_(own.slots[self.slot][bank], width)
    sizes = [width, rank, rank, inputs[bank], width, rank, rank, inputs[bank], width, 1, 1, inputs[bank]]
    dw = [__torch__.tandem.adapter.trainee.matrices(gradients, at, sizes)
          for gradients in torch.unbind(self.gradients)]
    self.sparse[bank].parts.append(__torch__.tandem.adapter.sparse.Part(
        column, width, pruned, half,
        __torch__.tandem.adapter.trainee.matrices(self.weights, at, sizes), dw))

# Views of matrices that lie one after the other. sizes: two numbers of each
def matrices(flat: Tensor, offset: int, sizes: List[int]) -> List[Tensor]:
  views = annotate(List[Tensor], [])
  for i in range(len(sizes) // 2):
    rows, columns = sizes[2 * i : 2 * i + 2]
    views.append(__torch__.tandem.adapter.trainee.view(flat, offset, rows, columns))
    offset = offset + rows * columns
  return views

# places: four numbers for each bottleneck, as in bottleneck.occupy_; offsets of those in the vector.
def add_bottlenecks_(self: __torch__.tandem.adapter.trainee.Trainee,
                     bottlenecks: __torch__.tandem.adapter.bottleneck.Bottlenecks, places: List[int],
                     offsets: List[int], scalings: List[float]) -> None:
  channels = bottlenecks.down[0].size(2)
  for block in range(len(bottlenecks.down) if len(scalings) > 0 else 0):
    self.bottleneck.parts.append(annotate(List[__torch__.tandem.adapter.bottleneck.Part], []))
  for i in range(len(scalings)):
    block, width = places[4 * i : 4 * i + 2]
    down = offsets[i]
    __torch__.tandem.adapter.bottleneck.occupy_(bottlenecks, self.slot, places[4 * i : 4 * i + 4])
    bias = down + width * channels
    up = bias + width
    views = [__torch__.tandem.adapter.trainee.view(self.weights, down, width, channels),
             self.weights[bias : up],
             __torch__.tandem.adapter.trainee.view(self.weights, up, 1 + width, channels)]
    dbias = __torch__.tandem.adapter.trainee.vectors(self, bias, width)
    self.bottleneck.parts[block].append(__torch__.tandem.adapter.bottleneck.Part(
        scalings[i], views, __torch__.tandem.adapter.trainee.views(self, down, width, channels),
        dbias, __torch__.tandem.adapter.trainee.views(self, up, 1 + width, channels)))
  if len(scalings) > 0:
    __torch__.tandem.adapter.bottleneck.view_(bottlenecks, self.slot)

# places: two numbers for each module in full: 1 if it is a head, and its offset in the vector.
def add_full_(self: __torch__.tandem.adapter.trainee.Trainee,
              full: __torch__.tandem.adapter.full.Full, places: List[int], like: Tensor) -> None:
  rows, columns = like.size()
  for i in range(len(places) // 2):
    head, offset = places[2 * i : 2 * i + 2]
    __torch__.tandem.adapter.full.learn_(
        self.full, full, self.slot, head == 1,
        __torch__.tandem.adapter.trainee.view(self.weights, offset, rows, columns),
        __torch__.tandem.adapter.trainee.views(self, offset, rows, columns), like)

# ranks, scalings: of each part with factors, in the order in which new got them.
def use_ranks_(self: __torch__.tandem.adapter.trainee.Trainee, ranks: List[int],
               scalings: List[float]) -> None:
  at = 0
  for learner in self.low_rank:
    for part in learner.parts:
      part.used = ranks[at]
      part.scaling = scalings[at]
      at = at + 1

# Whether something is to be done to gradients before they are those of the parameters.
def is_decomposed(self: __torch__.tandem.adapter.trainee.Trainee) -> bool:
  decomposed = False
  for bank in range(len(self.dora)):
    parts = len(self.dora[bank].parts) + len(self.core[bank].parts)
    decomposed = decomposed or parts > 0
    for part in self.low_rank[bank].parts:
      decomposed = decomposed or part.mask is not None
  return decomposed

# Makes the gradients [lanes, numbers] that backward windows left in the banks from first to last those of the
# parameters.
def backward_(self: __torch__.tandem.adapter.trainee.Trainee, gradients: Tensor, first: int,
              last: int) -> None:
  for bank in range(first, last):
    __torch__.tandem.adapter.dora.backward_(self.dora[bank], gradients)
    __torch__.tandem.adapter.core.backward_(self.core[bank], gradients)
    __torch__.tandem.adapter.core.measure_(self.core[bank], self.low_rank[bank].a.size(1), gradients)
    __torch__.tandem.adapter.soft_mask.backward_(self.low_rank[bank], gradients)

# Whether all numbers with these extremes are finite, [banks, n] -> [banks] bool. NaN is both the least
# and the largest of numbers, and neither it nor infinity is zero after it is subtracted from itself.
def are_finite(extremes: Tensor) -> Tensor:
  return torch.all(torch.eq(torch.sub(extremes, extremes), 0.), 1)
