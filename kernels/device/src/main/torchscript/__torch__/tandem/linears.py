# The linears of a layer with the adapters of rows, by number: 0 qkv, 1 output, 2 gate_up, 3 down; of
# a layer with experts, the last two of each expert one after the other.

# Linear `index` of the layer with the rows' adapters. x [N, in] -> [N, out]
def project(layer: __torch__.tandem.model.Layer, index: int,
            adapters: __torch__.tandem.adapter.change.Changes,
            users: __torch__.tandem.adapter.change.Users, x: Tensor) -> Tensor:
  mask, places = __torch__.tandem.adapter.change.of_linear(users, index)
  return __torch__.tandem.linears.project_some(layer, index, adapters, users, mask, places, x)

# mask, places: of this linear, for as many rows as the product has, see ops/rows.py
def project_some(layer: __torch__.tandem.model.Layer, index: int,
                 adapters: __torch__.tandem.adapter.change.Changes,
                 users: __torch__.tandem.adapter.change.Users, mask: Optional[Tensor],
                 places: Tensor, x: Tensor) -> Tensor:
  linear = layer.linears[index]
  padded = __torch__.tandem.ops.rows.pad(x, linear.padded)
  y = __torch__.tandem.adapter.change.forward(adapters, layer.bank + index, linear, users, mask,
                                              places, padded)
  return y[: x.size(0)]

# Linear `index` of several layers that share its weight, at once: xs by layer [N, in] -> [N, out] each
def project_together(layers: List[__torch__.tandem.model.Layer], index: int,
                     adapters: __torch__.tandem.adapter.change.Changes,
                     users: List[__torch__.tandem.adapter.change.Users],
                     xs: List[Tensor]) -> List[Tensor]:
  padded = annotate(List[Tensor], [])
  inputs = annotate(List[Tensor], [])
  for i in range(len(xs)):
    mask, places = __torch__.tandem.adapter.change.of_linear(users[i], index)
    padded.append(__torch__.tandem.ops.rows.pad(xs[i], layers[i].linears[index].padded))
    inputs.append(__torch__.tandem.adapter.scale.forward_inputs(
        adapters.scale, adapters.scale.active, layers[i].bank + index, places, padded[i]))
  shared = layers[0].linears[index]
  x = inputs[0] if len(inputs) == 1 else __torch__.tandem.ops.rows.pad(torch.cat(inputs), shared.padded)
  y = __torch__.tandem.ops.linear.multiply(shared, x, None)
  outputs = annotate(List[Tensor], [])
  at = 0
  for i in range(len(xs)):
    own = y[at : at + inputs[i].size(0)]
    at = at + inputs[i].size(0)
    __torch__.tandem.ops.linear.add_own_(layers[i].linears[index], inputs[i], own)
    mask, places = __torch__.tandem.adapter.change.of_linear(users[i], index)
    own = __torch__.tandem.adapter.change.forward_outputs(adapters, layers[i].bank + index, users[i], mask, places,
                                                          padded[i], own)
    outputs.append(own[: xs[i].size(0)])
  return outputs

# Backward of linear `index`: x its input, dy [n, out] -> dx [n, in]. spans: all of the rows, or one
def project_backward(layer: __torch__.tandem.model.Layer, index: int,
                     adapters: __torch__.tandem.adapter.change.Changes,
                     spans: List[__torch__.tandem.adapter.change.Span], x: Tensor,
                     dy: Tensor) -> Tensor:
  linear = layer.linears[index]
  dx = __torch__.tandem.adapter.change.backward(adapters, spans, layer.bank + index, linear, x, dy)
  return dx[: x.size(0)]

# Linear `index` of the layer for rows of the pack, as in the forward pass. x [n, in] -> [n, out]
def project_again(layer: __torch__.tandem.model.Layer, index: int,
                  adapters: __torch__.tandem.adapter.change.Changes,
                  spans: List[__torch__.tandem.adapter.change.Span], x: Tensor) -> Tensor:
  linear = layer.linears[index]
  y = __torch__.tandem.adapter.change.forward_again(adapters, spans, layer.bank + index, linear, x)
  return y[: x.size(0)]
