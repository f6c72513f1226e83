# What Java calls. The module itself has no state: every method gets the objects it works on.
class Decoder(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # ---- the model

  # Numbers of the given type on the device of that name, to be filled. Whatever is made for a model
  # later lives on the device of its embedding.
  def new_weight(self: __torch__.tandem.decoder.Decoder, shape: List[int], dtype: int,
                 device: str) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=torch.device(device))

  # How weights lie in memory: the forms for few rows, up to how many, and for more.
  def new_forms(self: __torch__.tandem.decoder.Decoder, few: str, rows: int,
                many: str) -> __torch__.tandem.ops.linear.Forms:
    return __torch__.tandem.ops.linear.Forms(few, rows, many)

  # bytes [n] uint8: numbers of the type that the file has, for the weight's numbers from first on.
  # TorchScript has no view of another type without a copy. half: whether they are rounded to float16,
  # so that forms in float16 and others have the same numbers.
  def fill_weight(self: __torch__.tandem.decoder.Decoder, weight: Tensor, first: int,
                  bytes: Tensor, stored: int, half: bool) -> None:
    numbers = torch.view_copy(torch.to(bytes, weight.device), dtype=stored)
    if half:
      numbers = torch.to(torch.clamp(numbers, -65504., 65504.), 5)
    flat = torch.view(weight, [-1])
    torch.copy_(flat[first : first + torch.numel(numbers)], numbers)

  # sizes, factors: as in model.Shape; windows: as in Model. norm: weight and bias, like all norms in
  # float32. An empty head is the embedding. Takes the tensors over; embedding and head are in the
  # type of activations.
  def new_model(self: __torch__.tandem.decoder.Decoder, sizes: List[int], factors: List[float],
                windows: List[int], embedding: Tensor, embedding_scale: float, norm: List[Tensor],
                head: Tensor, cos: List[Tensor], sin: List[Tensor],
                forms: __torch__.tandem.ops.linear.Forms) -> __torch__.tandem.model.Model:
    shape = __torch__.tandem.model.Shape(sizes, factors)
    weight = embedding if torch.numel(head) == 0 else head
    last = __torch__.tandem.ops.linear.new(weight, None, forms, False)
    final = __torch__.tandem.model.final_norm(shape, norm[0], norm[1])
    return __torch__.tandem.model.Model(
        shape, windows, embedding, embedding_scale, final, last,
        [torch.to(table, embedding.device, None, False, True) for table in cos],
        [torch.to(table, embedding.device, None, False, True) for table in sin])

  # weights, biases: the parts of the linears one after the other, in the type of activations; parts:
  # how many each of them has; an empty bias or router is none. norms: weight and bias of each of
  # model.Layer's, empty where there is none. place: window, its number, that of the rotary table, and the layer
  # whose weights it shares, -1 if it has its own. a, b, columns: as in linear.change_
  def add_layer(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
                weights: List[Tensor], biases: List[Tensor], parts: List[int], router: Tensor,
                norms: List[Tensor], place: List[int], a: List[Tensor], b: List[Tensor],
                columns: List[int], forms: __torch__.tandem.ops.linear.Forms) -> None:
    window, mask, rotary, shared = place
    linears = annotate(List[__torch__.tandem.ops.linear.Linear], [])
    first = 0
    for index in range(len(parts)):
      last = first + parts[index]
      bias = annotate(Optional[Tensor], None)
      if torch.numel(biases[first]) > 0:
        bias = torch.cat(biases[first : last])
      gated = index >= 2 and index % 2 == 0 and model.shape.activation == 0
      if shared < 0:
        linear = __torch__.tandem.ops.linear.new(torch.cat(weights[first : last]), bias, forms, gated)
      else:
        linear = __torch__.tandem.ops.linear.tied(model.layers[shared].linears[index], bias)
      __torch__.tandem.ops.linear.change_(linear, a[first : last], b[first : last],
                                          columns[first : last])
      linears.append(linear)
      first = last
    made = annotate(List[Optional[__torch__.tandem.ops.norm.Norm]], [])
    for i in range(len(norms) // 2):
      made.append(__torch__.tandem.model.new_norm(model.shape, norms[2 * i], norms[2 * i + 1]))
    bank = len(model.layers) * len(parts)
    rates = annotate(Optional[Tensor], None)
    if torch.numel(router) > 0:
      rates = router
    model.layers.append(__torch__.tandem.model.Layer(made, linears, bank, rates, window, mask,
                                                     rotary))

  def new_cache(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
                slots: int, capacity: int, held: int) -> __torch__.tandem.cache.Cache:
    return __torch__.tandem.cache.Cache(model.shape, slots, capacity, held, model.embedding)

  def clear_slot(self: __torch__.tandem.decoder.Decoder, cache: __torch__.tandem.cache.Cache,
                 slot: int, first: int, end: int) -> None:
    __torch__.tandem.cache.clear_(cache, slot, first, end)

  def copy_slot(self: __torch__.tandem.decoder.Decoder, cache: __torch__.tandem.cache.Cache,
                source: int, target: int, first: int, end: int) -> None:
    __torch__.tandem.cache.copy_(cache, source, target, first, end)

  # ---- adapters

  def new_adapters(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
                   slots: int, rank: int, sizes: List[int],
                   full: int) -> __torch__.tandem.adapter.change.Changes:
    return __torch__.tandem.adapter.change.new(model, slots, rank, sizes, full)

  # factors and a, b: as in low_rank.put_, those with magnitudes, as in dora.put_, first; constants: as in
  # low_rank.put_constants_; scales and differences: as in scale.put_; embeddings and tokens: as in
  # prompt.put_; keys: as in prefix.put_; bottlenecks and tensors: as in bottleneck.put_;
  # full and matrices: as in full.put_; singles, at and weights: as in single_weights.put_
  def put_adapter(self: __torch__.tandem.decoder.Decoder,
                  adapters: __torch__.tandem.adapter.change.Changes, slot: int,
                  factors: List[int], a: List[Tensor], b: List[Tensor],
                  magnitudes: List[Tensor], constants: List[int], scales: List[int],
                  differences: List[Tensor], embeddings: List[Tensor],
                  tokens: List[int], keys: List[Tensor], bottlenecks: List[int],
                  tensors: List[Tensor], full: List[int], matrices: List[Tensor],
                  singles: List[int], at: List[Tensor], weights: List[Tensor]) -> None:
    __torch__.tandem.adapter.change.clear_(adapters, slot)
    __torch__.tandem.adapter.low_rank.put_(adapters.low_rank, slot, factors, a, b)
    __torch__.tandem.adapter.low_rank.put_constants_(adapters.low_rank, slot, constants)
    __torch__.tandem.adapter.scale.put_(adapters.scale, slot, scales, differences)
    __torch__.tandem.adapter.prompt.put_(adapters.prompts, slot, embeddings, tokens)
    __torch__.tandem.adapter.prefix.put_(adapters.prefixes, slot, keys)
    __torch__.tandem.adapter.dora.put_(adapters.bases, adapters.low_rank, adapters.scale, slot, factors,
                                       b, magnitudes)
    __torch__.tandem.adapter.bottleneck.put_(adapters.bottlenecks, slot, bottlenecks, tensors)
    __torch__.tandem.adapter.full.put_(adapters.full, slot, full, matrices)
    __torch__.tandem.adapter.single_weights.put_(adapters.singles, slot, singles, at, weights)

  # place: slot, first, end and target of prefix.write_
  def write_prefix(self: __torch__.tandem.decoder.Decoder,
                   adapters: __torch__.tandem.adapter.change.Changes,
                   cache: __torch__.tandem.cache.Cache, place: List[int]) -> None:
    slot, first, end, target = place
    __torch__.tandem.adapter.prefix.write_(adapters.prefixes, slot, first, end, cache, target)

  # Brings what prefix.read says to the host.
  def read_prefix(self: __torch__.tandem.decoder.Decoder, cache: __torch__.tandem.cache.Cache,
                  tokens: int) -> Tensor:
    return __torch__.tandem.host.read(__torch__.tandem.adapter.prefix.read(cache, tokens))

  def activate(self: __torch__.tandem.decoder.Decoder,
               adapters: __torch__.tandem.adapter.change.Changes, slots: List[int],
               scaled: List[int]) -> None:
    __torch__.tandem.adapter.change.activate_(adapters, slots, scaled)

  def turn(self: __torch__.tandem.decoder.Decoder, adapters: __torch__.tandem.adapter.change.Changes,
           slot: int, ranks: List[int]) -> None:
    __torch__.tandem.adapter.change.turn_(adapters, slot, ranks)

  # As in row_adapters.new_singles.
  def new_singles(self: __torch__.tandem.decoder.Decoder,
                  adapters: __torch__.tandem.adapter.change.Changes, numbers: Tensor,
                  counts: List[int], slots: List[int], ranks: List[int], joined: List[int],
                  biased: bool, places: List[int],
                  bottlenecks: List[int]) -> __torch__.tandem.adapter.row_adapters.Singles:
    like = adapters.bottlenecks.down[0]
    return __torch__.tandem.adapter.row_adapters.new_singles(
        adapters.low_rank, like.size(2), torch.to(numbers, like.device, None, False, True), counts,
        slots, ranks, joined, biased, places, bottlenecks)

  # ---- one iteration

  # As iteration.forward gives it, as host.read_all does.
  def iterate(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
              cache: __torch__.tandem.cache.Cache,
              adapters: __torch__.tandem.adapter.change.Changes,
              singles: List[__torch__.tandem.adapter.row_adapters.Singles],
              arena: __torch__.tandem.arena.Arena, teacher: __torch__.tandem.teacher.Teacher,
              numbers: Tensor, sizes: List[int], layout: List[List[int]], mixed: bool, top: int,
              learning: int, taught: bool, exits: float) -> Tensor:
    return __torch__.tandem.host.read_all(__torch__.tandem.iteration.forward(
        model, cache, adapters, singles, arena, teacher, numbers, sizes, layout, mixed, top, learning,
        taught, exits))

  # As in loops.new.
  def new_passage(self: __torch__.tandem.decoder.Decoder,
                  model: __torch__.tandem.model.Model) -> __torch__.tandem.loops.Passage:
    return __torch__.tandem.loops.new(model)

  # As loops.forward_ gives it, as host.read_all does.
  def iterate_loop(self: __torch__.tandem.decoder.Decoder, passage: __torch__.tandem.loops.Passage,
                   model: __torch__.tandem.model.Model, cache: __torch__.tandem.cache.Cache,
                   adapters: __torch__.tandem.adapter.change.Changes,
                   singles: List[__torch__.tandem.adapter.row_adapters.Singles],
                   arena: __torch__.tandem.arena.Arena, teacher: __torch__.tandem.teacher.Teacher,
                   numbers: Tensor, sizes: List[int], layout: List[List[int]], mixed: bool, top: int,
                   learning: int, taught: bool, exits: float, layers: List[int], rows: List[int],
                   left: List[int]) -> Tensor:
    return __torch__.tandem.host.read_all(__torch__.tandem.loops.forward_(
        passage, model, cache, adapters, singles, arena, teacher, numbers, sizes, layout, mixed, top, learning,
        taught, exits, layers, rows, left))

  # As in loops.enter_.
  def enter(self: __torch__.tandem.decoder.Decoder, passage: __torch__.tandem.loops.Passage,
            model: __torch__.tandem.model.Model, cache: __torch__.tandem.cache.Cache,
            adapters: __torch__.tandem.adapter.change.Changes,
            singles: List[__torch__.tandem.adapter.row_adapters.Singles], numbers: Tensor,
            sizes: List[int], layout: List[List[int]], mixed: bool, top: int, loop: int,
            slots: List[int]) -> None:
    __torch__.tandem.loops.enter_(passage, model, cache, adapters, singles, numbers, sizes, layout, mixed, top, loop,
                                  slots)

  # As loops.together_ gives it, as host.read_all does.
  def iterate_together(self: __torch__.tandem.decoder.Decoder,
                       passages: List[__torch__.tandem.loops.Passage],
                       model: __torch__.tandem.model.Model, cache: __torch__.tandem.cache.Cache,
                       adapters: __torch__.tandem.adapter.change.Changes,
                       arena: __torch__.tandem.arena.Arena, loops: int) -> Tensor:
    return __torch__.tandem.host.read_all(
        __torch__.tandem.loops.together_(passages, model, cache, adapters, arena, loops))

  # As in loops.hold_.
  def hold(self: __torch__.tandem.decoder.Decoder, passage: __torch__.tandem.loops.Passage,
           cache: __torch__.tandem.cache.Cache, rows: List[int], slots: List[int]) -> None:
    __torch__.tandem.loops.hold_(passage, cache, rows, slots)

  # As in loops.keep_.
  def keep(self: __torch__.tandem.decoder.Decoder, passage: __torch__.tandem.loops.Passage,
           model: __torch__.tandem.model.Model, cache: __torch__.tandem.cache.Cache,
           adapters: __torch__.tandem.adapter.change.Changes,
           singles: List[__torch__.tandem.adapter.row_adapters.Singles], numbers: Tensor,
           sizes: List[int], layout: List[List[int]], mixed: bool, first: int,
           rows: List[int]) -> None:
    __torch__.tandem.loops.keep_(passage, model, cache, adapters, singles, numbers, sizes, layout, mixed, first,
                                 rows)

  # ---- fine-tuning

  def new_arena(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
                rows: int, ffn: int, policy: int, chunk: int, heads: bool,
                exits: int) -> __torch__.tandem.arena.Arena:
    return __torch__.tandem.arena.Arena(model, rows, ffn, policy, chunk, heads, exits)

  # Which knows no model yet.
  def new_teacher(self: __torch__.tandem.decoder.Decoder) -> __torch__.tandem.teacher.Teacher:
    return __torch__.tandem.teacher.Teacher()

  # As in teacher.set_.
  def set_teacher(self: __torch__.tandem.decoder.Decoder, teacher: __torch__.tandem.teacher.Teacher,
                  model: __torch__.tandem.model.Model, sizes: List[int], rows: int,
                  ffn: int) -> None:
    __torch__.tandem.teacher.set_(teacher, model, sizes, rows, ffn)

  # Once, before anything goes backward.
  def prepare_backward(self: __torch__.tandem.decoder.Decoder,
                       model: __torch__.tandem.model.Model) -> None:
    __torch__.tandem.ops.linear.prepare_backward_(model.head)
    for layer in model.layers:
      for linear in layer.linears:
        __torch__.tandem.ops.linear.prepare_backward_(linear)

  # weights: copied to the device of the adapters. In the slot is what does not learn of the adapter; what does is yet
  # to be published.
  def new_trainee(self: __torch__.tandem.decoder.Decoder,
                  adapters: __torch__.tandem.adapter.change.Changes, slot: int,
                  weights: Tensor, lanes: int, banks: List[int], factors: List[int],
                  scalings: List[float], scales: List[int],
                  magnitudes: List[int], biases: List[int], virtual: List[int], prefix: List[int],
                  cores: List[int], values: List[int], vectors: List[Tensor],
                  bottlenecks: List[int], starts: List[int], up_scalings: List[float],
                  full: List[int], singles: List[int], quantized: List[int],
                  quantized_scalings: List[float], sparse: List[int],
                  half: bool) -> __torch__.tandem.adapter.trainee.Trainee:
    copy = torch.to(weights, adapters.low_rank.a[0].device, None, False, True)
    trainee = __torch__.tandem.adapter.trainee.new(slot, copy, lanes, banks, factors, scalings,
                                                   scales, magnitudes, virtual, prefix, cores, values,
                                                   vectors, adapters.bases, adapters.prompts,
                                                   adapters.prefixes, adapters.low_rank.a[0])
    __torch__.tandem.adapter.trainee.add_biases_(trainee, biases)
    __torch__.tandem.adapter.trainee.add_bottlenecks_(trainee, adapters.bottlenecks, bottlenecks,
                                                      starts, up_scalings)
    __torch__.tandem.adapter.trainee.add_full_(trainee, adapters.full, full, adapters.prompts.vocabulary)
    __torch__.tandem.adapter.trainee.add_singles_(trainee, singles)
    __torch__.tandem.adapter.trainee.add_quantized_(trainee, adapters.own, adapters.singles.widths,
                                                    quantized, quantized_scalings, half,
                                                    adapters.low_rank.a[0])
    __torch__.tandem.adapter.trainee.add_sparse_(trainee, adapters.own, adapters.singles.widths, sparse,
                                                 half, adapters.low_rank.a[0])
    return trainee

  # As in iteration.backward_.
  def backward(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
               adapters: __torch__.tandem.adapter.change.Changes,
               trainees: List[__torch__.tandem.adapter.trainee.Trainee],
               arena: __torch__.tandem.arena.Arena, teacher: __torch__.tandem.teacher.Teacher,
               stacks: List[List[int]], lane: int, units: List[int], learned: List[int],
               embedded: List[int], first: int, taught: bool, exits: List[int]) -> None:
    __torch__.tandem.iteration.backward_(model, adapters, trainees, arena, teacher, stacks, lane, units,
                                         learned, embedded, first, taught, exits)

  # Whatever became of the packs before.
  def begin_packs(self: __torch__.tandem.decoder.Decoder,
                  arena: __torch__.tandem.arena.Arena) -> None:
    torch.zero_(arena.dkeys)
    torch.zero_(arena.dvalues)
    torch.fill_(arena.factors, 1.)

  # Multiplies the gradients that the loss left in the arena; factors [rows, 1].
  def scale_rows(self: __torch__.tandem.decoder.Decoder, arena: __torch__.tandem.arena.Arena,
                 factors: Tensor) -> None:
    own = torch.to(factors, arena.dx.device)
    torch.mul_(arena.dx[: factors.size(0)], own)
    for exit in arena.exits:
      torch.mul_(exit[: factors.size(0)], own)
    if arena.factors.size(0) > 0:
      torch.mul_(arena.factors[: factors.size(0)], own)

  def publish(self: __torch__.tandem.decoder.Decoder,
              adapters: __torch__.tandem.adapter.change.Changes,
              trainee: __torch__.tandem.adapter.trainee.Trainee, first: int, last: int) -> None:
    __torch__.tandem.adapter.change.publish_(adapters, trainee, first, last)

  # ranks, scalings: of each part with factors, in the order in which new_trainee got them. Counts when the
  # trainee is published next.
  def use_ranks(self: __torch__.tandem.decoder.Decoder,
                trainee: __torch__.tandem.adapter.trainee.Trainee, ranks: List[int],
                scalings: List[float]) -> None:
    __torch__.tandem.adapter.trainee.use_ranks_(trainee, ranks, scalings)

  # learns: of each bank, 1 if what it learns does so from here on.
  def use_banks(self: __torch__.tandem.decoder.Decoder,
                trainee: __torch__.tandem.adapter.trainee.Trainee, learns: List[int]) -> None:
    trainee.learns = [bank == 1 for bank in learns]

  # So many ranks are to be pruned, as in soft_mask.mask_.
  def mask_ranks(self: __torch__.tandem.decoder.Decoder,
                 trainee: __torch__.tandem.adapter.trainee.Trainee, pruned: int,
                 temperature: float) -> None:
    __torch__.tandem.adapter.soft_mask.mask_(trainee.low_rank, pruned, temperature)

  # Whether outputs are compared from here on, as in estimate.compare_; 1 if they are
  def compare_outputs(self: __torch__.tandem.decoder.Decoder,
                      trainee: __torch__.tandem.adapter.trainee.Trainee, compares: int) -> None:
    trainee.compares = compares == 1
    __torch__.tandem.adapter.estimate.compare_outputs_(trainee.low_rank, trainee.compares)

  # As estimate.take gives them, before a step.
  def estimates(self: __torch__.tandem.decoder.Decoder,
                trainee: __torch__.tandem.adapter.trainee.Trainee) -> Tensor:
    return __torch__.tandem.host.read(
        __torch__.tandem.adapter.estimate.take(trainee.low_rank, trainee.gradients))

  # Frees what a slot has that is not in tables for all.
  def release_slot(self: __torch__.tandem.decoder.Decoder,
                   adapters: __torch__.tandem.adapter.change.Changes, slot: int) -> None:
    __torch__.tandem.adapter.change.release_(adapters, slot)

  # counts: of each part over sparse weights, in the order in which new_trainee got them, how many numbers are left out
  # when the trainee is published next.
  def prune_weights(self: __torch__.tandem.decoder.Decoder,
                    trainee: __torch__.tandem.adapter.trainee.Trainee, counts: List[int]) -> None:
    __torch__.tandem.adapter.sparse.prune_(trainee.sparse, counts)

  # As rows of the trainee in the slot have it.
  def own_weight(self: __torch__.tandem.decoder.Decoder,
                 adapters: __torch__.tandem.adapter.change.Changes, slot: int,
                 bank: int) -> Tensor:
    return __torch__.tandem.host.read(torch.to(adapters.own.slots[slot][bank].weight, 6))

  # Of each bank, 1 if the gradient of its whole weight is added up from here on, as in sensitivity.py.
  def sense(self: __torch__.tandem.decoder.Decoder,
            adapters: __torch__.tandem.adapter.change.Changes,
            trainee: __torch__.tandem.adapter.trainee.Trainee, banks: List[int]) -> None:
    __torch__.tandem.adapter.sensitivity.sense_(
        trainee.sensed, trainee.low_rank, adapters.singles.widths, trainee.gradients.size(0), banks)

  # As sensitivity.take gives it, before a step.
  def sensitive(self: __torch__.tandem.decoder.Decoder,
                trainee: __torch__.tandem.adapter.trainee.Trainee, counts: List[int]) -> List[Tensor]:
    taken = __torch__.tandem.adapter.sensitivity.take(trainee.sensed, trainee.low_rank, counts)
    return [__torch__.tandem.host.read(tensor) for tensor in taken]

  # What the trainee's slot changes in the banks, times the factor, until it is published next.
  def scale_banks(self: __torch__.tandem.decoder.Decoder,
                  adapters: __torch__.tandem.adapter.change.Changes,
                  trainee: __torch__.tandem.adapter.trainee.Trainee, banks: List[int],
                  factor: float) -> None:
    __torch__.tandem.adapter.change.scale_(adapters, trainee.slot, banks, factor)

  # Brings a trainee's weights or gradients to the host.
  def floats(self: __torch__.tandem.decoder.Decoder, vector: Tensor) -> Tensor:
    return __torch__.tandem.host.read(vector)

  # What publish_ says of the numbers that it published last.
  def extremes(self: __torch__.tandem.decoder.Decoder,
               trainee: __torch__.tandem.adapter.trainee.Trainee) -> Tensor:
    return trainee.extremes

  # Of each core, as the last step left it [cores].
  def importance(self: __torch__.tandem.decoder.Decoder,
                 trainee: __torch__.tandem.adapter.trainee.Trainee) -> Tensor:
    return __torch__.tandem.host.read(trainee.importance)

  # After a publish of numbers that are not all finite, before any row uses the adapter.
  def clear_broken(self: __torch__.tandem.decoder.Decoder,
                   adapters: __torch__.tandem.adapter.change.Changes,
                   trainee: __torch__.tandem.adapter.trainee.Trainee) -> None:
    __torch__.tandem.adapter.change.clear_broken_(adapters, trainee)

  def weights(self: __torch__.tandem.decoder.Decoder,
              trainee: __torch__.tandem.adapter.trainee.Trainee) -> Tensor:
    return trainee.weights

  def gradients(self: __torch__.tandem.decoder.Decoder,
                trainee: __torch__.tandem.adapter.trainee.Trainee) -> Tensor:
    return trainee.gradients

  # Whether finish_gradients has anything to do beside a penalty.
  def is_decomposed(self: __torch__.tandem.decoder.Decoder,
                    trainee: __torch__.tandem.adapter.trainee.Trainee) -> bool:
    return __torch__.tandem.adapter.trainee.is_decomposed(trainee)

  # Once before a step, in the banks from first to last, as in trainee.backward_, and if penalty is not 0 as
  # in orthogonal.backward_.
  def finish_gradients(self: __torch__.tandem.decoder.Decoder,
                       trainee: __torch__.tandem.adapter.trainee.Trainee, first: int, last: int,
                       penalty: float) -> None:
    __torch__.tandem.adapter.trainee.backward_(trainee, trainee.gradients, first, last)
    if penalty > 0.:
      for bank in range(first, last):
        __torch__.tandem.adapter.orthogonal.backward_(trainee.low_rank[bank], penalty)

  # What finish_gradients would make of the gradients, which stay as they are.
  def finished_gradients(self: __torch__.tandem.decoder.Decoder,
                         trainee: __torch__.tandem.adapter.trainee.Trainee) -> Tensor:
    gradients = torch.clone(trainee.gradients)
    __torch__.tandem.adapter.trainee.backward_(trainee, gradients, 0, len(trainee.dora))
    return gradients

  def training_bytes(self: __torch__.tandem.decoder.Decoder, arena: __torch__.tandem.arena.Arena,
                     trainee: __torch__.tandem.adapter.trainee.Trainee,
                     optimizer: __torch__.tandem.optim.optimizer.Optimizer) -> int:
    tensors = __torch__.tandem.arena.tensors(arena) + [trainee.weights, trainee.gradients]
    tensors = tensors + optimizer.state + __torch__.tandem.adapter.trainee.fixed(trainee)
    total = 0
    for tensor in tensors:
      total = total + torch.numel(tensor) * torch.element_size(tensor)
    return total

  # ---- the optimizer

  # settings: beta1, beta2, eps, decay; places, rates and sizes as in optimizer.new
  def new_optimizer(self: __torch__.tandem.decoder.Decoder, method: str, settings: List[float],
                    weights: Tensor, places: List[int], rates: List[float],
                    sizes: List[int]) -> __torch__.tandem.optim.optimizer.Optimizer:
    constants = __torch__.tandem.optim.settings.Settings(settings)
    return __torch__.tandem.optim.optimizer.new(method, constants, weights, places, rates, sizes)

  # A step: count_steps, gather_gradients of all regions, begin_step, optimizer_step of all regions,
  # publish. The host reads nothing before step_result.

  # steps: of each region, as in optimizer.Region.t
  def count_steps(self: __torch__.tandem.decoder.Decoder,
                  optimizer: __torch__.tandem.optim.optimizer.Optimizer, steps: List[int]) -> None:
    __torch__.tandem.optim.optimizer.count_(optimizer, steps)

  # The regions from first to last, as in optimizer.gather_ and optimizer.step_.
  def gather_gradients(self: __torch__.tandem.decoder.Decoder,
                       optimizer: __torch__.tandem.optim.optimizer.Optimizer, gradients: Tensor,
                       first: int, last: int) -> None:
    __torch__.tandem.optim.optimizer.gather_(optimizer, gradients, first, last)

  # From gradients * scale, clipped to the norm `largest` unless that is 0.
  def begin_step(self: __torch__.tandem.decoder.Decoder,
                 optimizer: __torch__.tandem.optim.optimizer.Optimizer, scale: float,
                 largest: float, lr: float) -> __torch__.tandem.optim.step.Step:
    return __torch__.tandem.optim.step.Step(optimizer.norms, scale, largest, lr)

  def optimizer_step(self: __torch__.tandem.decoder.Decoder,
                     optimizer: __torch__.tandem.optim.optimizer.Optimizer, gradients: Tensor,
                     step: __torch__.tandem.optim.step.Step, first: int, last: int) -> None:
    __torch__.tandem.optim.optimizer.step_(optimizer, gradients[0], step, first, last)

  # The norm of the scaled gradient before it was clipped, and 1 if all that was published is finite,
  # 0 otherwise: [2] float32. If the norm is not finite nothing was updated.
  def step_result(self: __torch__.tandem.decoder.Decoder, step: __torch__.tandem.optim.step.Step,
                  extremes: Tensor) -> Tensor:
    finite = torch.all(__torch__.tandem.adapter.trainee.are_finite(extremes))
    return __torch__.tandem.host.read(torch.stack([step.norm, torch.to(finite, 6)]))

  def optimizer_state(self: __torch__.tandem.decoder.Decoder,
                      optimizer: __torch__.tandem.optim.optimizer.Optimizer) -> List[Tensor]:
    return [__torch__.tandem.host.read(tensor) for tensor in optimizer.state]

  def restore_optimizer(self: __torch__.tandem.decoder.Decoder,
                        optimizer: __torch__.tandem.optim.optimizer.Optimizer,
                        state: List[Tensor]) -> None:
    for i in range(len(state)):
      torch.copy_(optimizer.state[i], state[i])
