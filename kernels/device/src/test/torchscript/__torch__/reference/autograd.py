# The decoder in operations that libtorch differentiates by itself: one sequence, whole, no cache.
# It shares no code with the sources under test.
class Autograd(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  # tokens, labels [T]; cos, sin [T, D]; base: all frozen weights, adapter: all factors, as vectors.
  # numbers: layers, C, H, K, D, F, V, four flags (q k v bias, output bias, mlp bias, norms of
  # queries and keys), tied, the type in which all but the loss is computed, then the rank of
  # every module, its kind, how many virtual tokens there are whose embeddings come last in the
  # adapter, how many whose keys and values do, on how many of the first rows factors do not act, and of
  # every block the width of its bottleneck, its input and its function, then two flags, whether the adapter has the
  # embedding in full and whether the head, which come behind all else; reals: eps, then every scaling of
  # modules, then of blocks. Returns the sum of the losses and its gradient with
  # respect to the adapter, [1 + P].
  def forward(self: __torch__.reference.autograd.Autograd, tokens: Tensor, labels: Tensor,
              cos: Tensor, sin: Tensor, base: Tensor, adapter: Tensor, numbers: Tensor,
              reals: Tensor) -> Tensor:
    torch.set_grad_enabled(True)
    n = [int(number) for number in numbers]
    r = [float(real) for real in reals]
    dtype = n[12]
    leaf = torch.requires_grad_(torch.to(torch.detach(adapter), dtype), True)
    loss = __torch__.reference.autograd.loss(tokens, labels, torch.to(cos, dtype),
                                             torch.to(sin, dtype), torch.to(base, dtype), leaf, n, r)
    gradient = unchecked_cast(Tensor, torch.grad([loss], [leaf])[0])
    return torch.cat([torch.reshape(torch.detach(loss), [1]), torch.to(gradient, 6)])

class Reader:
  flat : Tensor
  at : int
  # rows that factors do not act on
  skipped : int
  def __init__(self: __torch__.reference.autograd.Reader, flat: Tensor) -> None:
    self.flat = flat
    self.at = 0
    self.skipped = 0
  def take(self: __torch__.reference.autograd.Reader, rows: int, columns: int) -> Tensor:
    part = self.flat[self.at : self.at + rows * columns]
    self.at = self.at + rows * columns
    return torch.reshape(part, [rows, columns])

def norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
  return x / torch.sqrt(torch.mean(x * x, [-1], True) + eps) * weight

# kind: 0 factors, or nothing if the rank is 0; 1 a scale of the output, 2 of the input; 3 factors with a
# magnitude, whose norm is a constant; 4 factors with a full core, 5 with a diagonal one, 6 with a bias on B; from 1000
# on factors in a weight that is quantized, 1000 times the bits plus the size of a group; less than zero factors in a
# weight of which -1 - kind numbers are left out
def linear(x: Tensor, base: __torch__.reference.autograd.Reader,
           adapter: __torch__.reference.autograd.Reader, outputs: int, biased: bool, rank: int,
           scaling: float, kind: int) -> Tensor:
  inputs = x.size(1)
  weight = base.take(outputs, inputs)
  bias = base.take(1, outputs) if biased else torch.zeros([1, outputs], dtype=x.dtype)
  if kind == 2:
    x = x * adapter.take(1, inputs)
  if kind < 0:
    u, v = adapter.take(outputs, rank), adapter.take(rank, inputs)
    a, b = adapter.take(outputs, rank), adapter.take(rank, inputs)
    r, c = adapter.take(outputs, 1), adapter.take(1, inputs)
    # Sums in another order may choose other weights where scores are nearly equal.
    for k in range(rank):
      weight = weight + u[:, k : k + 1] * v[k : k + 1]
    scores = torch.abs(weight)
    for k in range(rank):
      scores = scores + a[:, k : k + 1] * b[k : k + 1]
    scores = scores + (r + c)
    found = torch.detach(scores)
    mask = torch.ones_like(found)
    if kind < -1:
      highest, place = torch.kthvalue(torch.reshape(found, [-1]), -1 - kind)
      mask = torch.masked_fill(mask, torch.le(found, highest), 0.)
    mask = mask + scores - found
    return torch.matmul(x, torch.t(mask * weight)) + bias
  if rank > 0:
    a = adapter.take(rank, inputs)
    b = adapter.take(outputs, rank)
    if kind >= 1000:
      group = kind % 1000
      levels = 2. ** float(kind // 1000 - 1)
      s = torch.reshape(adapter.take(outputs, inputs // group), [outputs, -1, 1])
      # Sums in another order may be rounded to another code.
      for k in range(rank):
        weight = weight + b[:, k : k + 1] * scaling * a[k : k + 1]
      v = torch.clamp(torch.reshape(weight, [outputs, -1, group]) / s, levels * -1., levels - 1.)
      codes = v + torch.detach(torch.round(v) - v)
      return torch.matmul(x, torch.t(torch.reshape(codes * s, [outputs, inputs]))) + bias
    if kind == 4:
      b = torch.matmul(b, adapter.take(rank, rank))
    if kind == 5:
      b = b * adapter.take(1, rank)
    if kind == 3:
      weight = weight + torch.matmul(b, a) * scaling
      norm = torch.detach(torch.sqrt(torch.sum(weight * weight, [1], True)))
      weight = weight / norm * adapter.take(outputs, 1)
      return torch.matmul(x, torch.t(weight)) + bias
    y = torch.matmul(x, torch.t(weight)) + bias
    product = torch.matmul(torch.matmul(x[adapter.skipped :], torch.t(a)), torch.t(b))
    if kind == 6:
      product = product + adapter.take(1, outputs)
    return torch.cat([y[: adapter.skipped], y[adapter.skipped :] + product * scaling])
  y = torch.matmul(x, torch.t(weight)) + bias
  return y * adapter.take(1, outputs) if kind == 1 else y

# What a block adds to x, y [T, C], with its bottleneck. input: 0 y, 1 x, 2 both; f: 0 relu, 1 silu, 2 gelu
def bottleneck(x: Tensor, y: Tensor, adapter: __torch__.reference.autograd.Reader, n: List[int],
               scaling: float) -> Tensor:
  width, input, f = n
  if width == 0:
    return y
  channels = x.size(1)
  down = adapter.take(width, channels)
  down_bias = adapter.take(1, width)
  up_bias = adapter.take(1, channels)
  up = adapter.take(channels, width)
  h = y if input == 0 else x if input == 1 else x + y
  z = torch.matmul(h, torch.t(down)) + down_bias
  if f == 0:
    a = torch.clamp(z, 0.)
  elif f == 1:
    a = z * torch.sigmoid(z)
  else:
    a = z * (torch.erf(z / 2. ** 0.5) + 1.) * 0.5
  return y + (torch.matmul(a, torch.t(up)) + up_bias) * scaling

# x [T, heads, D]
def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  half = x.size(2) // 2
  turned = torch.cat([-x[:, :, half:], x[:, :, :half]], 2)
  return x * torch.unsqueeze(cos, 1) + turned * torch.unsqueeze(sin, 1)

def loss(tokens: Tensor, labels: Tensor, cos: Tensor, sin: Tensor, flat: Tensor, leaf: Tensor,
         n: List[int], r: List[float]) -> Tensor:
  layers, hidden, heads, kv_heads, dim, ffn, vocab = n[0:7]
  base = __torch__.reference.autograd.Reader(flat)
  adapter = __torch__.reference.autograd.Reader(leaf)
  adapter.skipped = n[15 + 14 * layers]
  given = n[14 + 14 * layers]
  rows = tokens.size(0)
  length = given + rows
  embedding = base.take(vocab, hidden)
  in_full = n[16 + 20 * layers : 18 + 20 * layers]
  last = __torch__.reference.autograd.Reader(leaf)
  last.at = leaf.size(0) - (in_full[0] + in_full[1]) * vocab * hidden
  leaf = leaf[: last.at]
  lookup = last.take(vocab, hidden) if in_full[0] > 0 else embedding
  virtual = n[13 + 14 * layers]
  prompt = torch.reshape(leaf[leaf.size(0) - virtual * hidden :], [virtual, hidden])
  width = 2 * layers * kv_heads * dim
  prefix = torch.reshape(leaf[leaf.size(0) - given * width :], [given, layers, 2, kv_heads, dim])
  x = torch.cat([prompt, lookup[tokens[virtual:]]])
  hidden_mask = torch.to(torch.triu(torch.full([length, length], -inf), 1), x.dtype)[given:]
  cos, sin = cos[given:], sin[given:]
  for layer in range(layers):
    ranks = n[13 + 7 * layer : 20 + 7 * layer]
    s = r[1 + 7 * layer : 8 + 7 * layer]
    first = 13 + 7 * layers + 7 * layer
    kinds = n[first : first + 7]
    first = 16 + 14 * layers + 6 * layer
    blocks = n[first : first + 6]
    scalings = r[1 + 7 * layers + 2 * layer : 3 + 7 * layers + 2 * layer]
    h = __torch__.reference.autograd.norm(x, base.take(1, hidden), r[0])
    q = __torch__.reference.autograd.linear(h, base, adapter, heads * dim, n[7] > 0, ranks[0], s[0], kinds[0])
    k = __torch__.reference.autograd.linear(h, base, adapter, kv_heads * dim, n[7] > 0, ranks[1], s[1], kinds[1])
    v = __torch__.reference.autograd.linear(h, base, adapter, kv_heads * dim, n[7] > 0, ranks[2], s[2], kinds[2])
    q = torch.reshape(q, [rows, heads, dim])
    k = torch.reshape(k, [rows, kv_heads, dim])
    v = torch.reshape(v, [rows, kv_heads, dim])
    if n[10] > 0:
      q = __torch__.reference.autograd.norm(q, base.take(1, dim), r[0])
      k = __torch__.reference.autograd.norm(k, base.take(1, dim), r[0])
    q = torch.transpose(__torch__.reference.autograd.rotate(q, cos, sin), 0, 1)
    k = torch.cat([prefix[:, layer, 0], __torch__.reference.autograd.rotate(k, cos, sin)])
    v = torch.cat([prefix[:, layer, 1], v])
    k, v = torch.transpose(k, 0, 1), torch.transpose(v, 0, 1)
    k = torch.repeat_interleave(k, heads // kv_heads, 0)
    v = torch.repeat_interleave(v, heads // kv_heads, 0)
    scores = torch.matmul(q, torch.transpose(k, 1, 2)) / dim ** 0.5 + hidden_mask
    o = torch.matmul(torch.softmax(scores, -1), v)
    o = torch.reshape(torch.transpose(o, 0, 1), [rows, heads * dim])
    y = __torch__.reference.autograd.linear(o, base, adapter, hidden, n[8] > 0, ranks[3], s[3], kinds[3])
    x = x + __torch__.reference.autograd.bottleneck(x, y, adapter, blocks[:3], scalings[0])
    h = __torch__.reference.autograd.norm(x, base.take(1, hidden), r[0])
    gate = __torch__.reference.autograd.linear(h, base, adapter, ffn, n[9] > 0, ranks[4], s[4], kinds[4])
    up = __torch__.reference.autograd.linear(h, base, adapter, ffn, n[9] > 0, ranks[5], s[5], kinds[5])
    act = gate * torch.sigmoid(gate) * up
    y = __torch__.reference.autograd.linear(act, base, adapter, hidden, n[9] > 0, ranks[6], s[6], kinds[6])
    x = x + __torch__.reference.autograd.bottleneck(x, y, adapter, blocks[3:], scalings[1])
  x = __torch__.reference.autograd.norm(x, base.take(1, hidden), r[0])
  if n[11] == 0:
    embedding = base.take(vocab, hidden)
  if in_full[1] > 0:
    embedding = last.take(vocab, hidden)
  scores = torch.log_softmax(torch.to(torch.matmul(x, torch.t(embedding)), 6), -1)
  learned = torch.where(labels >= 0)[0]
  return torch.sum(scores[learned, labels[learned]]) * -1.
