# Layers at the same place of a recursive model's block, each with rows of its own: the products with the weights that
# they share are made at once. What is theirs alone, norms, factors, adapters, keys and values, each does for its rows.

# numbers: the layers, xs and batches: their rows [N, C] -> [N, C] each. Inference rows, and no experts.
def forward(model: __torch__.tandem.model.Model, numbers: List[int], xs: List[Tensor],
            cache: __torch__.tandem.cache.Cache,
            adapters: __torch__.tandem.adapter.change.Changes,
            arena: __torch__.tandem.arena.Arena,
            batches: List[__torch__.tandem.batch.Batch]) -> List[Tensor]:
  shape = model.shape
  layers = [model.layers[number] for number in numbers]
  users = [batch.users for batch in batches]
  hs = annotate(List[Tensor], [])
  for i in range(len(xs)):
    hs.append(__torch__.tandem.ops.norm.forward_if(layers[i].attention_norm, xs[i]))
  qkvs = __torch__.tandem.linears.project_together(layers, 0, adapters, users, hs)
  os = annotate(List[Tensor], [])
  for i in range(len(xs)):
    qk, v = __torch__.tandem.block.heads(shape, layers[i], qkvs[i], batches[i])
    os.append(__torch__.tandem.block.attend(shape, layers[i], numbers[i], qk[:, : shape.heads],
                                            qk[:, shape.heads :], v, cache, adapters.prefixes, arena, batches[i]))
  attentions = __torch__.tandem.linears.project_together(layers, 1, adapters, users, os)
  middles = annotate(List[Tensor], [])
  hs = annotate(List[Tensor], [])
  for i in range(len(xs)):
    attention = __torch__.tandem.adapter.change.forward_block(
        adapters, 2 * numbers[i], users[i], layers[i].linears[1].padded, xs[i], attentions[i])
    middles.append(__torch__.tandem.block.add(shape, xs[i], layers[i].after_attention, attention))
    hs.append(__torch__.tandem.ops.norm.forward_if(layers[i].mlp_norm, middles[i]))
  gate_ups = __torch__.tandem.linears.project_together(layers, 2, adapters, users, hs)
  acts = annotate(List[Tensor], [])
  for i in range(len(xs)):
    acts.append(__torch__.tandem.ops.gated.forward(gate_ups[i], shape.activation)[0])
  mlps = __torch__.tandem.linears.project_together(layers, 3, adapters, users, acts)
  ys = annotate(List[Tensor], [])
  for i in range(len(xs)):
    mlp = __torch__.tandem.adapter.change.forward_block(
        adapters, 2 * numbers[i] + 1, users[i], layers[i].linears[1].padded, middles[i], mlps[i])
    ys.append(__torch__.tandem.block.add(shape, middles[i], layers[i].after_mlp, mlp))
  return ys
