# One decoder layer: x + attention(norm(x)), then x + mlp(norm(x)). Linears of a layer by number:
# 0 qkv, 1 output, 2 gate_up, 3 down.

# Linear `index` of the layer with the rows' adapters. x [N, in] -> [N, out]
def project(layer: __torch__.tandem.model.Layer, number: int, index: int,
            adapters: __torch__.tandem.adapter.low_rank.Adapters, masks: List[Tensor],
            x: Tensor) -> Tensor:
  y = __torch__.tandem.ops.linear.forward(layer.linears[index], x)
  return __torch__.tandem.adapter.low_rank.forward(adapters, 4 * number + index, x, y, masks)

# Queries and keys of the joined projection qkv [N, (H + 2 K) D], normed if the model does, rotated:
# [N, H + K, D]
def queries_and_keys(shape: __torch__.tandem.model.Shape, layer: __torch__.tandem.model.Layer,
                     qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  both = shape.heads + shape.kv_heads
  qk = torch.reshape(qkv[:, : both * shape.head_dim], [qkv.size(0), both, shape.head_dim])
  q_norm, k_norm = layer.q_norm, layer.k_norm
  if q_norm is not None and k_norm is not None:
    q = __torch__.tandem.ops.rms_norm.forward(qk[:, : shape.heads], q_norm, shape.eps)
    k = __torch__.tandem.ops.rms_norm.forward(qk[:, shape.heads :], k_norm, shape.eps)
    qk = torch.cat([q, k], 1)
  return __torch__.tandem.ops.rotary.forward(qk, cos, sin)

# q [N, H, D], k and v [N, K, D] -> [N, H D]; writes keys and values where they belong.
def attend(number: int, q: Tensor, k: Tensor, v: Tensor, cache: __torch__.tandem.cache.Cache,
           arena: __torch__.tandem.arena.Arena, batch: __torch__.tandem.batch.Batch) -> Tensor:
  outputs = annotate(List[Tensor], [])
  rows = batch.inference_rows
  if rows > 0:
    keys, values = cache.keys[number], cache.values[number]
    torch.index_copy_(keys, 0, batch.cache_rows, k[:rows])
    torch.index_copy_(values, 0, batch.cache_rows, v[:rows])
    by_slot = [cache.slots, cache.capacity, k.size(1), k.size(2)]
    for i in range(len(batch.groups) // 5):
      row, count, slot, span, longest = batch.groups[5 * i : 5 * i + 5]
      group_q = q[row : row + count]
      inside = batch.group_slots[i]
      if span > count:
        spread = torch.zeros([span, q.size(1), q.size(2)], dtype=q.dtype)
        group_q = torch.index_copy_(spread, 0, inside, group_q)
      o = __torch__.tandem.ops.attention.decode(
          group_q, torch.view(keys, by_slot)[slot : slot + span, :longest],
          torch.view(values, by_slot)[slot : slot + span, :longest], batch.group_masks[i])
      outputs.append(torch.index_select(o, 0, inside) if span > count else o)
    for i in range(len(batch.chunks) // 4):
      row, count, slot, start = batch.chunks[4 * i : 4 * i + 4]
      first = slot * cache.capacity
      end = first + start + count
      outputs.append(__torch__.tandem.ops.attention.prefill(
          q[row : row + count], keys[first : end], values[first : end]))
  if q.size(0) > rows:
    start = batch.window_from
    end = start + q.size(0) - rows
    torch.copy_(arena.queries[number][start : end], q[rows:])
    torch.copy_(arena.keys[number][start : end], k[rows:])
    torch.copy_(arena.values[number][start : end], v[rows:])
    for i in range(len(batch.windows) // 3):
      origin, first, last = batch.windows[3 * i : 3 * i + 3]
      outputs.append(__torch__.tandem.ops.attention.prefill(
          arena.queries[number][first : last], arena.keys[number][origin : last],
          arena.values[number][origin : last]))
  return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

# x [N, C] -> [N, C]; the rows of the fine-tuning window leave in the arena what backward needs.
def forward(model: __torch__.tandem.model.Model, number: int, x: Tensor,
            cache: __torch__.tandem.cache.Cache,
            adapters: __torch__.tandem.adapter.low_rank.Adapters,
            arena: __torch__.tandem.arena.Arena,
            batch: __torch__.tandem.batch.Batch) -> Tensor:
  shape, layer = model.shape, model.layers[number]
  heads, both = shape.heads, shape.heads + shape.kv_heads
  h = __torch__.tandem.ops.rms_norm.forward(x, layer.attention_norm, shape.eps)
  qkv = __torch__.tandem.block.project(layer, number, 0, adapters, batch.masks, h)
  qk = __torch__.tandem.block.queries_and_keys(shape, layer, qkv, batch.cos, batch.sin)
  v = torch.reshape(qkv[:, both * shape.head_dim :], [x.size(0), shape.kv_heads, shape.head_dim])
  o = __torch__.tandem.block.attend(number, qk[:, :heads], qk[:, heads:], v, cache, arena, batch)
  attention = __torch__.tandem.block.project(layer, number, 1, adapters, batch.masks, o)
  middle = torch.add(x, attention)
  h = __torch__.tandem.ops.rms_norm.forward(middle, layer.mlp_norm, shape.eps)
  gate_up = __torch__.tandem.block.project(layer, number, 2, adapters, batch.masks, h)
  act = __torch__.tandem.ops.swiglu.forward(gate_up)
  rows = batch.inference_rows
  if x.size(0) > rows:
    start = batch.window_from
    end = start + x.size(0) - rows
    torch.copy_(arena.x[number][start : end], x[rows:])
    torch.copy_(arena.attended[number][start : end], o[rows:])
    torch.copy_(arena.middle[number][start : end], middle[rows:])
    torch.copy_(arena.gate_up[number][start : end], gate_up[rows:])
  mlp = __torch__.tandem.block.project(layer, number, 3, adapters, batch.masks, act)
  return torch.add(middle, mlp)

# Backward of linear `index`: x its input, dy [n, out] -> dx [n, in]
def project_backward(layer: __torch__.tandem.model.Layer, number: int, index: int,
                     adapters: __torch__.tandem.adapter.low_rank.Adapters,
                     frozen: __torch__.tandem.adapter.low_rank.Frozen,
                     trainee: __torch__.tandem.adapter.trainee.Trainee, x: Tensor,
                     dy: Tensor) -> Tensor:
  bank = 4 * number + index
  dx = __torch__.tandem.ops.linear.backward(layer.linears[index], dy)
  dx = __torch__.tandem.adapter.low_rank.backward_frozen(adapters, frozen, bank, dy, dx)
  return __torch__.tandem.adapter.trainee.backward(trainee, adapters, bank, x, dy, dx)

# d of queries and keys after norm and rotation [n, H + K, D] -> before them [n, (H + K) D].
# The projection is computed again where a norm needs its input.
def queries_and_keys_backward(shape: __torch__.tandem.model.Shape,
                              layer: __torch__.tandem.model.Layer, number: int,
                              adapters: __torch__.tandem.adapter.low_rank.Adapters,
                              frozen: __torch__.tandem.adapter.low_rank.Frozen,
                              slot: int, h: Tensor, dqk: Tensor, cos: Tensor,
                              sin: Tensor) -> Tensor:
  both = shape.heads + shape.kv_heads
  dqk = __torch__.tandem.ops.rotary.backward(dqk, cos, sin)
  q_norm, k_norm = layer.q_norm, layer.k_norm
  if q_norm is not None and k_norm is not None:
    qkv = __torch__.tandem.ops.linear.forward(layer.linears[0], h)
    u = torch.linear(h, adapters.a[4 * number][slot])
    qkv = torch.addmm(qkv, u, adapters.b[4 * number][slot])
    qkv = __torch__.tandem.adapter.low_rank.forward_frozen(adapters, frozen, 4 * number, h, qkv)
    qk = torch.reshape(qkv[:, : both * shape.head_dim], [h.size(0), both, shape.head_dim])
    dq = __torch__.tandem.ops.rms_norm.backward(dqk[:, : shape.heads], qk[:, : shape.heads],
                                                q_norm, shape.eps)
    dk = __torch__.tandem.ops.rms_norm.backward(dqk[:, shape.heads :], qk[:, shape.heads :],
                                                k_norm, shape.eps)
    dqk = torch.to(torch.cat([dq, dk], 1), h.dtype)
  return torch.reshape(dqk, [h.size(0), both * shape.head_dim])

# Rows [start, end) of one layer: takes arena.dx of these rows as the gradient of the layer's
# output and leaves there that of its input. Windows of a layer come from the last row to the
# first, so the gradients of the window's own keys and values are complete when it is reached.
# windows: as in Batch, for these rows.
def backward_(model: __torch__.tandem.model.Model, number: int, start: int, end: int,
              windows: List[int], adapters: __torch__.tandem.adapter.low_rank.Adapters,
              frozen: __torch__.tandem.adapter.low_rank.Frozen,
              trainee: __torch__.tandem.adapter.trainee.Trainee,
              arena: __torch__.tandem.arena.Arena) -> None:
  shape, layer = model.shape, model.layers[number]
  dtype = model.embedding.dtype
  eps = shape.eps
  dy = arena.dx[start : end]
  middle = arena.middle[number][start : end]
  gate_up = arena.gate_up[number][start : end]
  act = __torch__.tandem.ops.swiglu.forward(gate_up)
  dact = __torch__.tandem.block.project_backward(layer, number, 3, adapters, frozen, trainee,
                                                 act, torch.to(dy, dtype))
  dgate_up = __torch__.tandem.ops.swiglu.backward(dact, gate_up)
  h = __torch__.tandem.ops.rms_norm.forward(middle, layer.mlp_norm, eps)
  dh = __torch__.tandem.block.project_backward(layer, number, 2, adapters, frozen, trainee, h,
                                               dgate_up)
  torch.add_(dy, __torch__.tandem.ops.rms_norm.backward(dh, middle, layer.mlp_norm, eps))
  o = arena.attended[number][start : end]
  do = __torch__.tandem.block.project_backward(layer, number, 1, adapters, frozen, trainee, o,
                                               torch.to(dy, dtype))
  dqs = annotate(List[Tensor], [])
  for i in range(len(windows) // 3):
    origin, first, last = windows[3 * i : 3 * i + 3]
    dqs.append(__torch__.tandem.ops.attention.backward_(
        do[first - start : last - start], o[first - start : last - start],
        arena.queries[number][first : last], arena.keys[number][origin : last],
        arena.values[number][origin : last], arena.dkeys[origin : last],
        arena.dvalues[origin : last]))
  dq = dqs[0] if len(dqs) == 1 else torch.cat(dqs)
  dqk = torch.cat([dq, torch.to(arena.dkeys[start : end], dtype)], 1)
  x = arena.x[number][start : end]
  h = __torch__.tandem.ops.rms_norm.forward(x, layer.attention_norm, eps)
  dqk = __torch__.tandem.block.queries_and_keys_backward(
      shape, layer, number, adapters, frozen, trainee.slot, h, dqk, arena.cos[start : end],
      arena.sin[start : end])
  dv = torch.reshape(torch.to(arena.dvalues[start : end], dtype), [end - start, -1])
  dh = __torch__.tandem.block.project_backward(layer, number, 0, adapters, frozen, trainee, h,
                                               torch.cat([dqk, dv], 1))
  torch.add_(dy, __torch__.tandem.ops.rms_norm.backward(dh, x, layer.attention_norm, eps))
