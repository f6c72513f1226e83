# One decoder layer: x + attention(x), then x + mlp(x), each normed before, after, or both.

# x [N, in] -> the input of the down projection [N, F], and the projection of gate and up [N, 2 F],
# which is only made if an adapter changes it or it is to be kept; otherwise the former stands for
# it.
def activate(layer: __torch__.tandem.model.Layer, f: int,
             adapters: __torch__.tandem.adapter.change.Changes, users: __torch__.tandem.adapter.change.Users, x: Tensor,
             kept: bool) -> Tuple[Tensor, Tensor]:
  gated = layer.linears[2].gated
  idle = __torch__.tandem.adapter.change.is_idle(adapters, users, layer.bank + 2)
  if gated is not None and idle and not kept:
    padded = __torch__.tandem.ops.rows.pad(x, True)
    act = __torch__.tandem.ops.weight.packed.swiglu(gated, padded, layer.linears[2].bias)
    return (act[: x.size(0)], act)
  gate_up = __torch__.tandem.linears.project(layer, 2, adapters, users, x)
  return (__torch__.tandem.ops.gated.forward(gate_up, f)[0], gate_up)

# x [N, heads, D] normed in parts of the norm's width: head by head, or all of a row.
def norm_heads(norm: __torch__.tandem.ops.norm.Norm, x: Tensor) -> Tensor:
  if norm.width == x.size(2):
    return __torch__.tandem.ops.norm.forward(norm, x)
  parts = torch.reshape(x, [x.size(0), -1, norm.width])
  return torch.reshape(__torch__.tandem.ops.norm.forward(norm, parts), x.size())

# dy, x [N, heads, D] -> dx
def norm_heads_backward(norm: __torch__.tandem.ops.norm.Norm, dy: Tensor, x: Tensor) -> Tensor:
  if norm.width == x.size(2):
    return __torch__.tandem.ops.norm.backward(norm, dy, x)
  shape = [x.size(0), -1, norm.width]
  dx = __torch__.tandem.ops.norm.backward(norm, torch.reshape(dy, shape), torch.reshape(x, shape))
  return torch.reshape(dx, x.size())

# Queries and keys of the joined projection qkv [N, (H + 2 K) D], normed if the model does, rotated:
# [N, H + K, D]
def queries_and_keys(shape: __torch__.tandem.model.Shape, layer: __torch__.tandem.model.Layer,
                     qkv: Tensor, cos: List[Tensor], sin: List[Tensor]) -> Tensor:
  both = shape.heads + shape.kv_heads
  qk = torch.reshape(qkv[:, : both * shape.head_dim], [qkv.size(0), both, shape.head_dim])
  q_norm, k_norm = layer.q_norm, layer.k_norm
  if q_norm is not None and k_norm is not None:
    q = __torch__.tandem.block.norm_heads(q_norm, qk[:, : shape.heads])
    k = __torch__.tandem.block.norm_heads(k_norm, qk[:, shape.heads :])
    qk = torch.cat([q, k], 1)
  return __torch__.tandem.ops.rotary.forward(qk, cos[layer.rotary], sin[layer.rotary])

# q [N, H, D], k and v [N, K, D] -> [N, H D]; writes keys and values where they belong.
def attend(shape: __torch__.tandem.model.Shape, layer: __torch__.tandem.model.Layer, number: int,
           q: Tensor, k: Tensor, v: Tensor, cache: __torch__.tandem.cache.Cache,
           prefixes: __torch__.tandem.adapter.prefix.Prefixes, arena: __torch__.tandem.arena.Arena,
           batch: __torch__.tandem.batch.Batch) -> Tensor:
  scale, window, cap = shape.scale, layer.window, shape.cap
  outputs = annotate(List[Tensor], [])
  rows = batch.inference_rows
  if rows > 0:
    keys, values = cache.keys[number], cache.values[number]
    torch.index_copy_(keys, 0, batch.cache_rows, k[:rows])
    torch.index_copy_(values, 0, batch.cache_rows, v[:rows])
    decodes = batch.group_places.size(0)
    if decodes > 0:
      by_slot = [cache.slots, cache.capacity, k.size(1), k.size(2)]
      outputs.append(__torch__.tandem.ops.attention.decode(
          q[:decodes], torch.view(keys, by_slot), torch.view(values, by_slot), shape.joined_heads,
          batch.groups, batch.group_slots, batch.group_places, batch.group_masks[layer.mask], scale,
          cap))
    for i in range(len(batch.chunks) // 4):
      row, count, slot, start = batch.chunks[4 * i : 4 * i + 4]
      first = slot * cache.capacity
      end = first + start + count
      outputs.append(__torch__.tandem.ops.attention.prefill(
          q[row : row + count], keys[first : end], values[first : end], scale, window, cap))
  if q.size(0) > rows:
    start = batch.window_from
    end = start + q.size(0) - rows
    torch.copy_(arena.keys[number][start : end], k[rows:])
    torch.copy_(arena.values[number][start : end], v[rows:])
    for i in range(len(batch.windows) // 5):
      sequence = batch.windows[5 * i : 5 * i + 5]
      first, last = sequence[1:3]
      keys, values = __torch__.tandem.adapter.prefix.context(prefixes, arena, number, sequence)
      outputs.append(__torch__.tandem.ops.attention.prefill(
          q[rows + first - start : rows + last - start], keys, values, scale, window, cap))
  return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

# x [N, C] -> queries and keys [N, H + K, D] and values [N, K, D]
def projected(model: __torch__.tandem.model.Model, number: int, x: Tensor,
              adapters: __torch__.tandem.adapter.change.Changes,
              batch: __torch__.tandem.batch.Batch) -> Tuple[Tensor, Tensor]:
  shape, layer = model.shape, model.layers[number]
  h = __torch__.tandem.ops.norm.forward_if(layer.attention_norm, x)
  __torch__.tandem.batch.observe_(batch, h)
  qkv = __torch__.tandem.linears.project(layer, 0, adapters, batch.users, h)
  return __torch__.tandem.block.heads(shape, layer, qkv, batch)

# qkv [N, (H + 2 K) D], the joined projection -> as above
def heads(shape: __torch__.tandem.model.Shape, layer: __torch__.tandem.model.Layer, qkv: Tensor,
          batch: __torch__.tandem.batch.Batch) -> Tuple[Tensor, Tensor]:
  qk = __torch__.tandem.block.queries_and_keys(shape, layer, qkv, batch.cos, batch.sin)
  first = (shape.heads + shape.kv_heads) * shape.head_dim
  return (qk, torch.reshape(qkv[:, first:], [qkv.size(0), shape.kv_heads, shape.head_dim]))

# Writes keys and values of inference rows x [N, C], and nothing else.
def keep_(model: __torch__.tandem.model.Model, number: int, x: Tensor,
          cache: __torch__.tandem.cache.Cache,
          adapters: __torch__.tandem.adapter.change.Changes,
          batch: __torch__.tandem.batch.Batch) -> None:
  qk, v = __torch__.tandem.block.projected(model, number, x, adapters, batch)
  torch.index_copy_(cache.keys[number], 0, batch.cache_rows, qk[:, model.shape.heads :])
  torch.index_copy_(cache.values[number], 0, batch.cache_rows, v)

# x [N, C] -> [N, C]; the rows of the fine-tuning window leave in the arena what backward needs.
def forward(model: __torch__.tandem.model.Model, number: int, x: Tensor,
            cache: __torch__.tandem.cache.Cache,
            adapters: __torch__.tandem.adapter.change.Changes,
            arena: __torch__.tandem.arena.Arena,
            batch: __torch__.tandem.batch.Batch) -> Tensor:
  shape, layer = model.shape, model.layers[number]
  heads = shape.heads
  qk, v = __torch__.tandem.block.projected(model, number, x, adapters, batch)
  o = __torch__.tandem.block.attend(shape, layer, number, qk[:, :heads], qk[:, heads:], v, cache,
                                    adapters.prefixes, arena, batch)
  attention = __torch__.tandem.linears.project(layer, 1, adapters, batch.users, o)
  padded = layer.linears[1].padded
  attention = __torch__.tandem.adapter.change.forward_block(adapters, 2 * number, batch.users, padded,
                                                            x, attention)
  middle = __torch__.tandem.block.add(shape, x, layer.after_attention, attention)
  h = __torch__.tandem.ops.norm.forward_if(layer.mlp_norm, middle)
  __torch__.tandem.batch.observe_(batch, h)
  rows = batch.inference_rows
  if layer.router is None:
    act, kept = __torch__.tandem.block.activate(layer, shape.activation, adapters, batch.users, h,
                                                x.size(0) > rows)
    mlp = __torch__.tandem.linears.project(layer, 3, adapters, batch.users, act)
  else:
    mlp, kept = __torch__.tandem.experts.forward(layer, shape, adapters, batch.users, h)
  mlp = __torch__.tandem.adapter.change.forward_block(adapters, 2 * number + 1, batch.users, padded,
                                                      middle, mlp)
  if x.size(0) > rows:
    __torch__.tandem.arena.keep_(arena, number, batch.window_from, x[rows:], qk[rows:, :heads],
                                 o[rows:], middle[rows:], kept[rows:])
  return __torch__.tandem.block.add(shape, middle, layer.after_mlp, mlp)

# The residual stream x [N, C] with what attention or MLP add to it, normed if the model does.
def add(shape: __torch__.tandem.model.Shape, x: Tensor,
        norm: Optional[__torch__.tandem.ops.norm.Norm], y: Tensor) -> Tensor:
  return torch.add(x, __torch__.tandem.ops.norm.forward_if(norm, y), alpha=shape.residual)

# dx [n, C] float32, the gradient of add's result, and y as there -> that of y, in the model's type
def add_backward(shape: __torch__.tandem.model.Shape, dx: Tensor,
                 norm: Optional[__torch__.tandem.ops.norm.Norm], y: Tensor, dtype: int) -> Tensor:
  dy = dx if shape.residual == 1. else torch.mul(dx, shape.residual)
  if norm is not None:
    dy = __torch__.tandem.ops.norm.backward(norm, torch.to(dy, dtype), y)
  return torch.to(dy, dtype)

# The same of a block with bottlenecks behind it. x and y: the stream before the block and its output, y only read
# if needs_output -> the gradient of y, and that of x through bottlenecks, if there is any
def join_backward(shape: __torch__.tandem.model.Shape, layer: __torch__.tandem.model.Layer,
                  norm: Optional[__torch__.tandem.ops.norm.Norm], block: int,
                  spans: List[__torch__.tandem.adapter.change.Span], x: Tensor, y: Tensor,
                  dx: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
  padded = layer.linears[1].padded
  changed = y
  if norm is not None:
    changed = __torch__.tandem.adapter.change.forward_block_again(spans, block, padded, x, y)
  dy = __torch__.tandem.block.add_backward(shape, dx, norm, changed, x.dtype)
  return __torch__.tandem.adapter.change.backward_block(spans, block, layer.bank, padded, x, y, dy)

def needs_output(norm: Optional[__torch__.tandem.ops.norm.Norm], block: int,
                 spans: List[__torch__.tandem.adapter.change.Span]) -> bool:
  return norm is not None or __torch__.tandem.adapter.change.reads_output(spans, block)

# d of queries and keys after norm and rotation [n, H + K, D] -> before them [n, (H + K) D]; qkv
# their projection, only read if the model has norms of them.
def queries_and_keys_backward(shape: __torch__.tandem.model.Shape,
                              layer: __torch__.tandem.model.Layer, qkv: Tensor, dqk: Tensor,
                              cos: Tensor, sin: Tensor) -> Tensor:
  n, both = dqk.size(0), shape.heads + shape.kv_heads
  dtype = dqk.dtype
  dqk = __torch__.tandem.ops.rotary.backward(dqk, cos, sin)
  q_norm, k_norm = layer.q_norm, layer.k_norm
  if q_norm is not None and k_norm is not None:
    qk = torch.reshape(qkv[:, : both * shape.head_dim], [n, both, shape.head_dim])
    dq = __torch__.tandem.block.norm_heads_backward(q_norm, dqk[:, : shape.heads],
                                                    qk[:, : shape.heads])
    dk = __torch__.tandem.block.norm_heads_backward(k_norm, dqk[:, shape.heads :],
                                                    qk[:, shape.heads :])
    dqk = torch.to(torch.cat([dq, dk], 1), dtype)
  return torch.reshape(dqk, [n, both * shape.head_dim])

# Queries and attention's output of rows [start, end), from the arena or computed again.
def attended(model: __torch__.tandem.model.Model, number: int, start: int, end: int,
             spans: List[__torch__.tandem.adapter.change.Span],
             prefixes: __torch__.tandem.adapter.prefix.Prefixes,
             arena: __torch__.tandem.arena.Arena, qkv: Tensor) -> Tuple[Tensor, Tensor]:
  shape, dtype = model.shape, model.embedding.dtype
  if arena.policy != 1:
    q = __torch__.tandem.arena.get(arena.queries[number], start, end, dtype)
    return (torch.view(q, [end - start, shape.heads, shape.head_dim]),
            __torch__.tandem.arena.get(arena.attended[number], start, end, dtype))
  layer = model.layers[number]
  qk = __torch__.tandem.block.queries_and_keys(
      shape, layer, qkv, [table[start : end] for table in arena.cos],
      [table[start : end] for table in arena.sin])
  q = qk[:, : shape.heads]
  outputs = annotate(List[Tensor], [])
  for span in spans:
    for i in range(len(span.windows) // 5):
      sequence = span.windows[5 * i : 5 * i + 5]
      first, last = sequence[1:3]
      keys, values = __torch__.tandem.adapter.prefix.context(prefixes, arena, number, sequence)
      outputs.append(__torch__.tandem.ops.attention.prefill(
          q[first - start : last - start], keys, values, shape.scale, layer.window, shape.cap))
  return (q, outputs[0] if len(outputs) == 1 else torch.cat(outputs))

# The second half of the layer: dy [n, C] float32, the gradient of its output, becomes that of the
# residual stream after attention. x and o as in forward, of rows [start, end).
def mlp_backward_(model: __torch__.tandem.model.Model, number: int, start: int, end: int,
                  x: Tensor, o: Tensor, dy: Tensor,
                  adapters: __torch__.tandem.adapter.change.Changes,
                  spans: List[__torch__.tandem.adapter.change.Span],
                  arena: __torch__.tandem.arena.Arena) -> None:
  shape, layer, dtype = model.shape, model.layers[number], x.dtype
  if arena.policy == 0:
    middle = __torch__.tandem.arena.get(arena.middle[number], start, end, dtype)
  else:
    attention = __torch__.tandem.linears.project_again(layer, 1, adapters, spans, o)
    attention = __torch__.tandem.adapter.change.forward_block_again(
        spans, 2 * number, layer.linears[1].padded, x, attention)
    middle = __torch__.tandem.block.add(shape, x, layer.after_attention, attention)
  h = __torch__.tandem.ops.norm.forward_if(layer.mlp_norm, middle)
  if layer.router is None:
    dh, dmiddle = __torch__.tandem.block.gated_backward(shape, layer, number, start, end, middle, h, dy,
                                                        adapters, spans, arena)
  else:
    chosen, mlp = arena.chosen[number][start : end], h
    if __torch__.tandem.block.needs_output(None, 2 * number + 1, spans):
      mlp = __torch__.tandem.experts.forward_again(layer, shape, adapters, spans, h, chosen)
    dmlp, dmiddle = __torch__.tandem.block.join_backward(shape, layer, None, 2 * number + 1, spans,
                                                         middle, mlp, dy)
    wide = __torch__.tandem.experts.backward(layer, shape, adapters, spans, h, chosen, dmlp)
    dh = torch.to(wide, dtype)
  torch.add_(dy, __torch__.tandem.ops.norm.backward_if(layer.mlp_norm, dh, middle))
  if dmiddle is not None:
    torch.add_(dy, dmiddle)

# middle [n, C] the stream before the MLP, h the same normed, dy as above -> dh, and as in join_backward
def gated_backward(shape: __torch__.tandem.model.Shape, layer: __torch__.tandem.model.Layer,
                   number: int, start: int, end: int, middle: Tensor, h: Tensor, dy: Tensor,
                   adapters: __torch__.tandem.adapter.change.Changes,
                   spans: List[__torch__.tandem.adapter.change.Span],
                   arena: __torch__.tandem.arena.Arena) -> Tuple[Tensor, Optional[Tensor]]:
  f = shape.activation
  if arena.policy == 1:
    gate_up = __torch__.tandem.linears.project_again(layer, 2, adapters, spans, h)
  else:
    gate_up = __torch__.tandem.arena.get(arena.gate_up[number], start, end, h.dtype)
  act, opened = __torch__.tandem.ops.gated.forward(gate_up, f)
  mlp = act
  if __torch__.tandem.block.needs_output(layer.after_mlp, 2 * number + 1, spans):
    mlp = __torch__.tandem.linears.project_again(layer, 3, adapters, spans, act)
  dmlp, dmiddle = __torch__.tandem.block.join_backward(shape, layer, layer.after_mlp, 2 * number + 1,
                                                       spans, middle, mlp, dy)
  dact = __torch__.tandem.linears.project_backward(layer, 3, adapters, spans, act,
                                                   dmlp)
  dgate_up = __torch__.tandem.ops.gated.backward(dact, gate_up, opened, f)
  dh = __torch__.tandem.linears.project_backward(layer, 2, adapters, spans, h, dgate_up)
  return (dh, dmiddle)

# Rows [start, end) of one layer: takes arena.dx of these rows as the gradient of the layer's
# output and leaves there that of its input. Windows of a layer come from the last row to the
# first, so the gradients of the window's own keys and values are complete when it is reached, and
# are zero again behind it, for the next layer. spans: all of these rows. Lanes may run at once over
# rows of different sequences.
def backward_(model: __torch__.tandem.model.Model, number: int, start: int, end: int,
              spans: List[__torch__.tandem.adapter.change.Span],
              adapters: __torch__.tandem.adapter.change.Changes,
              arena: __torch__.tandem.arena.Arena) -> None:
  shape, layer = model.shape, model.layers[number]
  dtype = model.embedding.dtype
  x = arena.x[number][start : end]
  h = __torch__.tandem.ops.norm.forward_if(layer.attention_norm, x)
  qkv = torch.empty([0], device=x.device)
  if arena.policy == 1 or layer.q_norm is not None:
    qkv = __torch__.tandem.linears.project_again(layer, 0, adapters, spans, h)
  q, o = __torch__.tandem.block.attended(model, number, start, end, spans, adapters.prefixes, arena, qkv)
  dy = arena.dx[start : end]
  __torch__.tandem.block.mlp_backward_(model, number, start, end, x, o, dy, adapters, spans, arena)
  attention = o
  if __torch__.tandem.block.needs_output(layer.after_attention, 2 * number, spans):
    attention = __torch__.tandem.linears.project_again(layer, 1, adapters, spans, o)
  dattention, dx = __torch__.tandem.block.join_backward(shape, layer, layer.after_attention, 2 * number,
                                                        spans, x, attention, dy)
  do = __torch__.tandem.linears.project_backward(layer, 1, adapters, spans,
                                               o, dattention)
  dqs = annotate(List[Tensor], [])
  for span in spans:
    for i in range(len(span.windows) // 5):
      sequence = span.windows[5 * i : 5 * i + 5]
      first, last = sequence[1:3]
      dqs.append(__torch__.tandem.adapter.prefix.backward_(
          adapters.prefixes, span.stack.trainee.prefix, span.stack.lane, shape, arena, number, layer.window,
          sequence, do[first - start : last - start], q[first - start : last - start]))
  dq = dqs[0] if len(dqs) == 1 else torch.cat(dqs)
  dkeys, dvalues = arena.dkeys[start : end], arena.dvalues[start : end]
  dqk = torch.cat([dq, torch.to(dkeys, dtype)], 1)
  dqk = __torch__.tandem.block.queries_and_keys_backward(
      shape, layer, qkv, dqk, arena.cos[layer.rotary][start : end],
      arena.sin[layer.rotary][start : end])
  dv = torch.reshape(torch.to(dvalues, dtype), [end - start, -1])
  dh = __torch__.tandem.linears.project_backward(layer, 0, adapters, spans,
                                               h, torch.cat([dqk, dv], 1))
  torch.add_(dy, __torch__.tandem.ops.norm.backward_if(layer.attention_norm, dh, x))
  if dx is not None:
    torch.add_(dy, dx)
  torch.zero_(dkeys)
  torch.zero_(dvalues)
