# What Java calls. The module itself has no state: every method gets the objects it works on.
class Decoder(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # ---- the model

  # Numbers of the given type, to be filled.
  def new_weight(self: __torch__.tandem.decoder.Decoder, shape: List[int], dtype: int) -> Tensor:
    return torch.empty(shape, dtype=dtype)

  # bytes [n] uint8: numbers of the type that the file has, for the weight's numbers from first on.
  # TorchScript has no view of another type without a copy.
  def fill_weight(self: __torch__.tandem.decoder.Decoder, weight: Tensor, first: int,
                  bytes: Tensor, stored: int) -> None:
    numbers = torch.view_copy(bytes, dtype=stored)
    flat = torch.view(weight, [-1])
    torch.copy_(flat[first : first + torch.numel(numbers)], numbers)

  # sizes: layers, C, H, K, D. An empty head is the embedding. Takes the tensors over; embedding and
  # head are in the type of activations, all others in float32.
  def new_model(self: __torch__.tandem.decoder.Decoder, sizes: List[int], eps: float,
                embedding: Tensor, norm: Tensor, head: Tensor, cos: Tensor, sin: Tensor,
                packed: bool, quantized: bool) -> __torch__.tandem.model.Model:
    layers, hidden, heads, kv_heads, head_dim = sizes
    shape = __torch__.tandem.model.Shape(layers, hidden, heads, kv_heads, head_dim, eps)
    weight = embedding if torch.numel(head) == 0 else head
    last = __torch__.tandem.ops.linear.Linear(weight, None, packed, quantized, False)
    return __torch__.tandem.model.Model(shape, embedding, torch.cat([norm, norm]), last,
                                        torch.clone(cos), torch.clone(sin))

  # weights: the four linears' parts one after the other, q k v o gate up down; biases: the same,
  # empty where there is none, both in the type of activations; norms: attention, mlp, and if the
  # model has them q and k, in float32.
  def add_layer(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
                weights: List[Tensor], biases: List[Tensor], norms: List[Tensor],
                packed: bool, quantized: bool) -> None:
    linears = annotate(List[__torch__.tandem.ops.linear.Linear], [])
    for bounds in [[0, 3], [3, 4], [4, 6], [6, 7]]:
      first, last = bounds
      weight = torch.cat(weights[first : last])
      bias = annotate(Optional[Tensor], None)
      if torch.numel(biases[first]) > 0:
        bias = torch.cat(biases[first : last])
      linears.append(__torch__.tandem.ops.linear.Linear(weight, bias, packed, quantized,
                                                        last - first == 2))
    copies = [torch.cat([norm, norm]) for norm in norms]
    q_norm = annotate(Optional[Tensor], None)
    k_norm = annotate(Optional[Tensor], None)
    if len(norms) > 2:
      q_norm = copies[2]
      k_norm = copies[3]
    model.layers.append(__torch__.tandem.model.Layer(copies[0], copies[1], q_norm, k_norm, linears))

  def new_cache(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
                slots: int, capacity: int) -> __torch__.tandem.cache.Cache:
    shape = model.shape
    return __torch__.tandem.cache.Cache(shape.layers, slots, capacity, shape.kv_heads,
                                        shape.head_dim, model.embedding.dtype)

  def clear_slot(self: __torch__.tandem.decoder.Decoder, cache: __torch__.tandem.cache.Cache,
                 slot: int, first: int, end: int) -> None:
    __torch__.tandem.cache.clear_(cache, slot, first, end)

  # ---- adapters

  def new_adapters(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
                   slots: int, rank: int,
                   sizes: List[int]) -> __torch__.tandem.adapter.low_rank.Adapters:
    return __torch__.tandem.adapter.low_rank.new(model.shape.layers, slots, rank, sizes,
                                                 model.embedding.dtype)

  def put_adapter(self: __torch__.tandem.decoder.Decoder,
                  adapters: __torch__.tandem.adapter.low_rank.Adapters, slot: int,
                  a: List[Tensor], b: List[Tensor]) -> None:
    __torch__.tandem.adapter.low_rank.put_(adapters, slot, a, b)

  def activate(self: __torch__.tandem.decoder.Decoder,
               adapters: __torch__.tandem.adapter.low_rank.Adapters, slots: List[int],
               ranks: List[int]) -> None:
    __torch__.tandem.adapter.low_rank.activate_(adapters, slots, ranks)

  # ---- one iteration

  # rows: [3, N] int64: token, position, and for inference rows the cache row. stacks [S, N]: slots
  # of each row's adapters, -1 where it has fewer than others.
  # layout: groups, chunks, [window_from] and windows as in Batch. decodes [2, B]: places and
  # contexts as in add_groups_. mixed: whether rows differ in their adapter.
  # wanted [S]: rows whose next token is drawn; bias_at [2, n] and bias: added to the logits.
  # ways: greedy, plain and filtered as in sample.draw, options likewise; top: how many
  # log-probabilities are reported, -1 for none.
  # learned [2, n]: rows of the arena with a label, and the labels; learn: whether the window will
  # go backward.
  # Returns draws [S, 1 + top] int64, log-probabilities [S, 1 + top] float32, and [2, n] float32:
  # losses, and 1 where the label is the most likely, 0 elsewhere.
  def iterate(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
              cache: __torch__.tandem.cache.Cache,
              adapters: __torch__.tandem.adapter.low_rank.Adapters,
              arena: __torch__.tandem.arena.Arena, rows: Tensor, stacks: Tensor,
              layout: List[List[int]], decodes: Tensor, mixed: bool, wanted: Tensor,
              bias_at: Tensor, bias: Tensor, ways: List[Tensor], options: Tensor, top: int,
              learned: Tensor, learn: bool) -> Tuple[Tensor, Tensor, Tensor]:
    dtype = model.embedding.dtype
    inference = layout[3][0]
    cos = torch.unsqueeze(torch.index_select(model.cos, 0, rows[1]), 1)
    sin = torch.unsqueeze(torch.index_select(model.sin, 0, rows[1]), 1)
    batch = __torch__.tandem.batch.Batch(cos, sin, rows[2, :inference], layout[0], layout[1],
                                         layout[2][0], layout[2][1:])
    __torch__.tandem.batch.add_groups_(batch, decodes[0], decodes[1], dtype)
    if mixed:
      missing = __torch__.tandem.ops.rows.missing(rows.size(1), model.head.packed)
      batch.masks = __torch__.tandem.adapter.low_rank.masks(
          adapters, torch.constant_pad_nd(stacks, [0, missing], -1))
    if rows.size(1) > inference:
      end = batch.window_from + rows.size(1) - inference
      torch.copy_(arena.cos[batch.window_from : end], cos[inference:])
      torch.copy_(arena.sin[batch.window_from : end], sin[inference:])
    x = torch.embedding(model.embedding, rows[0])
    for number in range(len(model.layers)):
      x = __torch__.tandem.block.forward(model, number, x, cache, adapters, arena, batch)
    scores = torch.empty([2, 0])
    if rows.size(1) > inference:
      scores = __torch__.tandem.loss.forward_backward_(model, arena, x[inference:],
                                                       batch.window_from, learned, learn)
    tokens, logprobs = torch.empty([0, 1], dtype=4), torch.empty([0, 1])
    if wanted.size(0) > 0:
      logits = __torch__.tandem.model.logits(model, torch.index_select(x, 0, wanted))
      if bias.size(0) > 0:
        logits = torch.index_put(logits, [bias_at[0], bias_at[1]], bias, True)
      tokens = torch.unsqueeze(
          __torch__.tandem.sample.draw(logits, ways[0], ways[1], ways[2], options), 1)
      if top >= 0:
        of_all = torch.log_softmax(logits, 1)
        logprobs = torch.gather(of_all, 1, torch.clamp(tokens, 0))
        if top > 0:
          values, indices = torch.topk(of_all, top, 1)
          logprobs = torch.cat([logprobs, values], 1)
          tokens = torch.cat([tokens, indices], 1)
    return (tokens, logprobs, scores)

  # ---- fine-tuning

  def new_arena(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
                rows: int, ffn: int, policy: int, chunk: int) -> __torch__.tandem.arena.Arena:
    return __torch__.tandem.arena.Arena(model.shape, rows, ffn, model.embedding.dtype, policy,
                                        chunk)

  # Once, before anything goes backward.
  def prepare_backward(self: __torch__.tandem.decoder.Decoder,
                       model: __torch__.tandem.model.Model) -> None:
    dtype = model.embedding.dtype
    __torch__.tandem.ops.linear.prepare_backward_(model.head, dtype)
    for layer in model.layers:
      for linear in layer.linears:
        __torch__.tandem.ops.linear.prepare_backward_(linear, dtype)

  def new_trainee(self: __torch__.tandem.decoder.Decoder,
                  adapters: __torch__.tandem.adapter.low_rank.Adapters, slot: int,
                  weights: Tensor, lanes: int, banks: List[int], parts: List[int],
                  scalings: List[float]) -> __torch__.tandem.adapter.trainee.Trainee:
    trainee = __torch__.tandem.adapter.trainee.new(slot, weights, lanes, banks, parts,
                                                    scalings)
    empty = [torch.empty([0, bank.size(2)]) for bank in adapters.a]
    empty_b = [torch.empty([0, bank.size(2)]) for bank in adapters.b]
    __torch__.tandem.adapter.low_rank.put_(adapters, slot, empty, empty_b)
    __torch__.tandem.adapter.trainee.publish_(trainee, adapters, 0, len(trainee.a))
    return trainee

  # frozen: slots of the adapters below the trainee, ranks: four numbers for each of them.
  # units: for each window of a layer the numbers layer, start, end, how many sequences it has
  # rows of, and three numbers for each of those as in Batch.
  def backward(self: __torch__.tandem.decoder.Decoder, model: __torch__.tandem.model.Model,
               adapters: __torch__.tandem.adapter.low_rank.Adapters,
               trainee: __torch__.tandem.adapter.trainee.Trainee, lane: int,
               frozen: List[int], ranks: List[int], arena: __torch__.tandem.arena.Arena,
               units: List[int]) -> None:
    below = __torch__.tandem.adapter.low_rank.Frozen(frozen, ranks)
    at = 0
    while at < len(units):
      number, start, end, sequences = units[at : at + 4]
      windows = units[at + 4 : at + 4 + 3 * sequences]
      at = at + 4 + 3 * sequences
      __torch__.tandem.block.backward_(model, number, start, end, windows, adapters, below, trainee,
                                       lane, arena)

  # Whatever became of the pack before.
  def begin_pack(self: __torch__.tandem.decoder.Decoder,
                 arena: __torch__.tandem.arena.Arena) -> None:
    torch.zero_(arena.dkeys)
    torch.zero_(arena.dvalues)

  # Multiplies the gradients that the loss left in the arena; factors [rows, 1].
  def scale_rows(self: __torch__.tandem.decoder.Decoder, arena: __torch__.tandem.arena.Arena,
                 factors: Tensor) -> None:
    torch.mul_(arena.dx[: factors.size(0)], factors)

  def publish(self: __torch__.tandem.decoder.Decoder,
              adapters: __torch__.tandem.adapter.low_rank.Adapters,
              trainee: __torch__.tandem.adapter.trainee.Trainee, first: int, last: int) -> bool:
    return __torch__.tandem.adapter.trainee.publish_(trainee, adapters, first, last)

  def weights(self: __torch__.tandem.decoder.Decoder,
              trainee: __torch__.tandem.adapter.trainee.Trainee) -> Tensor:
    return trainee.weights

  def gradients(self: __torch__.tandem.decoder.Decoder,
                trainee: __torch__.tandem.adapter.trainee.Trainee) -> Tensor:
    return trainee.gradients

  def training_bytes(self: __torch__.tandem.decoder.Decoder, arena: __torch__.tandem.arena.Arena,
                     trainee: __torch__.tandem.adapter.trainee.Trainee,
                     optimizer: __torch__.tandem.optim.optimizer.Optimizer) -> int:
    tensors = __torch__.tandem.arena.tensors(arena) + [trainee.weights, trainee.gradients]
    tensors = tensors + optimizer.state
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

  # The regions from first to last, as in optimizer.gather_ and optimizer.step_.
  def gather_gradients(self: __torch__.tandem.decoder.Decoder,
                       optimizer: __torch__.tandem.optim.optimizer.Optimizer, gradients: Tensor,
                       first: int, last: int) -> List[float]:
    return __torch__.tandem.optim.optimizer.gather_(optimizer, gradients, first, last)

  def optimizer_step(self: __torch__.tandem.decoder.Decoder,
                     optimizer: __torch__.tandem.optim.optimizer.Optimizer, gradients: Tensor,
                     lr: float, scale: float, t: int, first: int,
                     last: int) -> None:
    __torch__.tandem.optim.optimizer.step_(optimizer, gradients[0], lr, scale, t, first,
                                           last)

  def clear_gradients(self: __torch__.tandem.decoder.Decoder, gradients: Tensor) -> None:
    torch.zero_(gradients)

  def optimizer_state(self: __torch__.tandem.decoder.Decoder,
                      optimizer: __torch__.tandem.optim.optimizer.Optimizer) -> List[Tensor]:
    return optimizer.state

  def restore_optimizer(self: __torch__.tandem.decoder.Decoder,
                        optimizer: __torch__.tandem.optim.optimizer.Optimizer,
                        state: List[Tensor]) -> None:
    for i in range(len(state)):
      torch.copy_(optimizer.state[i], state[i])
