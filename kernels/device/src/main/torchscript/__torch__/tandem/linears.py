# The linears of a layer with the adapters of rows, by number: 0 qkv, 1 output, 2 gate_up, 3 down; of
# a layer with experts, the last two of each expert one after the other.

# Linear `index` of the layer with the rows' adapters. masks: of each linear, as in Batch.
# x [N, in] -> [N, out]
def project(layer: __torch__.tandem.model.Layer, index: int,
            adapters: __torch__.tandem.adapter.low_rank.Adapters, masks: List[Tensor],
            x: Tensor) -> Tensor:
  mask = annotate(Optional[Tensor], None)
  if len(masks) > 0:
    mask = masks[index]
  return __torch__.tandem.linears.project_masked(layer, index, adapters, mask, x)

# mask: of this linear, for as many rows as the product has, see ops/rows.py
def project_masked(layer: __torch__.tandem.model.Layer, index: int,
                   adapters: __torch__.tandem.adapter.low_rank.Adapters, mask: Optional[Tensor],
                   x: Tensor) -> Tensor:
  linear = layer.linears[index]
  padded = __torch__.tandem.ops.rows.pad(x, linear.padded)
  y = __torch__.tandem.ops.linear.forward(linear, padded)
  y = __torch__.tandem.adapter.low_rank.forward(adapters, layer.bank + index, padded, y, mask)
  return y[: x.size(0)]

# Backward of linear `index`: x its input, dy [n, out] -> dx [n, in]
def project_backward(layer: __torch__.tandem.model.Layer, index: int,
                     adapters: __torch__.tandem.adapter.low_rank.Adapters,
                     frozen: __torch__.tandem.adapter.low_rank.Frozen,
                     trainee: __torch__.tandem.adapter.trainee.Trainee, lane: int, x: Tensor,
                     dy: Tensor) -> Tensor:
  bank = layer.bank + index
  linear, rows = layer.linears[index], x.size(0)
  x = __torch__.tandem.ops.rows.pad(x, linear.padded)
  dy = __torch__.tandem.ops.rows.pad(dy, linear.padded)
  dx = __torch__.tandem.ops.linear.backward(linear, dy)
  dx = __torch__.tandem.adapter.low_rank.backward_frozen(adapters, frozen, bank, dy, dx)
  dx = __torch__.tandem.adapter.trainee.backward(trainee, lane, adapters, bank, x, dy, dx)
  return dx[:rows]

# Linear `index` of the layer for rows of the pack, as in the forward pass. x [n, in] -> [n, out]
def project_again(layer: __torch__.tandem.model.Layer, index: int,
                  adapters: __torch__.tandem.adapter.low_rank.Adapters,
                  frozen: __torch__.tandem.adapter.low_rank.Frozen,
                  trainee: __torch__.tandem.adapter.trainee.Trainee, x: Tensor) -> Tensor:
  bank = layer.bank + index
  linear, rows = layer.linears[index], x.size(0)
  x = __torch__.tandem.ops.rows.pad(x, linear.padded)
  y = __torch__.tandem.ops.linear.forward(linear, x)
  y = __torch__.tandem.adapter.low_rank.forward_frozen(adapters, frozen, bank, x, y)
  y = __torch__.tandem.adapter.trainee.forward(trainee, adapters, bank, x, y)
  return y[:rows]
