# The sample model's forward pass for pre-training: plain operations that autograd can follow.
# B batch, T sequence length, V vocab, C hidden, H heads, K kv heads, D head dim, F ffn, L layers.
# shape is [L, C, H, K, D, F, V].

# The bf16 weights as views of one flat vector. Order: embedding [V, C]; per layer qkv [(H+2K)D, C],
# out [C, HD], gate_up [2F, C], down [C, F]; then norms, two per layer and the last one, [C] each.
def unpack(flat: Tensor, shape: List[int]) -> List[Tensor]:
  layers, hidden, heads, kv_heads, head_dim, ffn, vocab = shape
  sizes = [[vocab, hidden]]
  for layer in range(layers):
    sizes += [[(heads + 2 * kv_heads) * head_dim, hidden], [hidden, heads * head_dim]]
    sizes += [[2 * ffn, hidden], [hidden, ffn]]
  for norm in range(2 * layers + 1):
    sizes.append([hidden])
  weights : List[Tensor] = []
  begin = 0
  for size in sizes:
    count = size[0]
    if len(size) > 1:
      count = count * size[1]
    weights.append(flat[begin : begin + count].reshape(size))
    begin = begin + count
  return weights

# y = x / rms(x) without the norm's weight, which the caller folds into the next linear. x: [B, T, C]
def normalize(x: Tensor) -> Tensor:
  norm = torch.linalg_vector_norm(x, 2, [-1], True, dtype=6)
  scale = torch.rsqrt(norm * norm * (1. / x.size(-1)) + 1e-5)
  return x * scale.to(x.dtype)

# Rotary embedding, halves layout. x: [B, T, H, D]; cos, sin: [T, 1, D]
def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  first, second = x.chunk(2, -1)
  return x * cos + torch.cat([-second, first], -1) * sin

# Causal attention with grouped queries. x: [B, T, C]; qkv, out: weights; mask: [T, T], 0 or very negative.
# Plain products beat the flash kernel on a CPU as long as the scores are small.
def attention(x: Tensor, qkv: Tensor, out: Tensor, shape: List[int], cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
  layers, hidden, heads, kv_heads, head_dim, ffn, vocab = shape
  batch, length = x.size(0), x.size(1)
  y = torch.linear(x, qkv).reshape([batch, length, heads + 2 * kv_heads, head_dim])
  qk = __torch__.tandem.pretrain.llama.rotate(y[:, :, : heads + kv_heads], cos, sin)
  group = heads // kv_heads
  q = qk[:, :, :heads].transpose(1, 2)
  k = qk[:, :, heads:].unsqueeze(3).expand([batch, length, kv_heads, group, head_dim])
  v = y[:, :, heads + kv_heads :].unsqueeze(3).expand([batch, length, kv_heads, group, head_dim])
  k = k.reshape([batch, length, heads, head_dim]).transpose(1, 2)
  v = v.reshape([batch, length, heads, head_dim]).transpose(1, 2)
  if length > 256:
    o = torch.scaled_dot_product_attention(q, k, v, None, 0., True)
  else:
    scores = torch.matmul(q * (head_dim ** -0.5), k.transpose(2, 3)) + mask
    o = torch.matmul(torch.softmax(scores, -1), v)
  return torch.linear(o.transpose(1, 2).reshape([batch, length, heads * head_dim]), out)

# The last normalized hidden states [B, T, C] of ids [B, T], not yet times the last norm's weight.
def forward(ids: Tensor, weights: List[Tensor], shape: List[int], theta: float) -> Tensor:
  layers, hidden, heads, kv_heads, head_dim, ffn, vocab = shape
  x = torch.embedding(weights[0], ids)
  exponents = torch.arange(0, head_dim, 2, device=x.device).to(6) * (-1. / head_dim)
  positions = torch.arange(ids.size(1), device=x.device).to(6)
  angles = torch.outer(positions, torch.pow(theta, exponents))
  angles = torch.cat([angles, angles], 1).unsqueeze(1)
  cos, sin = torch.cos(angles).to(x.dtype), torch.sin(angles).to(x.dtype)
  mask = torch.full([ids.size(1), ids.size(1)], -10000., dtype=x.dtype, device=x.device).triu_(1)
  for layer in range(layers):
    base = 1 + 4 * layer
    norms = 1 + 4 * layers + 2 * layer
    h = __torch__.tandem.pretrain.llama.normalize(x)
    qkv = weights[base] * weights[norms]
    x = x + __torch__.tandem.pretrain.llama.attention(h, qkv, weights[base + 1], shape, cos, sin, mask)
    h = __torch__.tandem.pretrain.llama.normalize(x)
    gate, up = torch.linear(h, weights[base + 2] * weights[norms + 1]).chunk(2, -1)
    x = x + torch.linear(torch.silu(gate) * up, weights[base + 3])
  return __torch__.tandem.pretrain.llama.normalize(x)

# Logits [.., V] of hidden states [.., C] as forward returns them.
def logits(x: Tensor, weights: List[Tensor]) -> Tensor:
  return torch.linear(x, weights[0] * weights[-1])
