# A LoRA step as HuggingFace's Llama takes it: one whole sequence, autograd, every intermediate
# result saved, all logits in float32. What the windowed step is measured against.
class Conventional(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  # tokens, labels [T]; cos, sin [T, D]; base: all frozen weights in bfloat16, factors: A and B of
  # every linear, as vectors. numbers: layers, C, H, K, D, F, V, rank.
  # Returns the mean loss and its gradient, [1 + P]. Without tokens: base in bfloat16.
  def forward(self: __torch__.reference.conventional.Conventional, tokens: Tensor, labels: Tensor,
              cos: Tensor, sin: Tensor, base: Tensor, factors: Tensor, numbers: Tensor) -> Tensor:
    if tokens.size(0) == 0:
      return torch.to(base, 15)
    torch.set_grad_enabled(True)
    n = [int(number) for number in numbers]
    leaves = __torch__.reference.conventional.leaves(torch.to(factors, 15), n)
    loss = __torch__.reference.conventional.loss(tokens, labels, torch.to(cos, 15),
                                                 torch.to(sin, 15), base, leaves, n)
    gradients = annotate(List[Tensor], [torch.reshape(torch.detach(loss), [1])])
    for gradient in torch.grad([loss], leaves):
      gradients.append(torch.to(torch.reshape(unchecked_cast(Tensor, gradient), [-1]), 6))
    return torch.cat(gradients)

class Reader:
  flat : Tensor
  at : int
  def __init__(self: __torch__.reference.conventional.Reader, flat: Tensor) -> None:
    self.flat = flat
    self.at = 0
  def take(self: __torch__.reference.conventional.Reader, rows: int, columns: int) -> Tensor:
    part = self.flat[self.at : self.at + rows * columns]
    self.at = self.at + rows * columns
    return torch.view(part, [rows, columns])

# Outputs and inputs of a layer's linears: q k v o gate up down.
def sizes(n: List[int]) -> List[List[int]]:
  layers, hidden, heads, kv_heads, dim, ffn, vocab, rank = n
  return [[heads * dim, hidden], [kv_heads * dim, hidden], [kv_heads * dim, hidden],
          [hidden, heads * dim], [ffn, hidden], [ffn, hidden], [hidden, ffn]]

def leaves(flat: Tensor, n: List[int]) -> List[Tensor]:
  reader = __torch__.reference.conventional.Reader(flat)
  result = annotate(List[Tensor], [])
  for layer in range(n[0]):
    for size in __torch__.reference.conventional.sizes(n):
      result.append(torch.requires_grad_(torch.detach(reader.take(n[7], size[1])), True))
      result.append(torch.requires_grad_(torch.detach(reader.take(size[0], n[7])), True))
  return result

def norm(x: Tensor, weight: Tensor) -> Tensor:
  wide = torch.to(x, 6)
  variance = torch.mean(torch.pow(wide, 2), [-1], True)
  return torch.reshape(weight, [-1]) * torch.to(wide * torch.rsqrt(variance + 1e-5), x.dtype)

def linear(x: Tensor, weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
  return torch.linear(x, weight) + torch.linear(torch.linear(x, a), b) * 2.

# x [heads, T, D]
def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  half = x.size(2) // 2
  turned = torch.cat([-x[:, :, half:], x[:, :, :half]], 2)
  return x * cos + turned * sin

def heads_first(x: Tensor, dim: int) -> Tensor:
  return torch.transpose(torch.view(x, [x.size(0), -1, dim]), 0, 1)

def loss(tokens: Tensor, labels: Tensor, cos: Tensor, sin: Tensor, flat: Tensor,
         lora: List[Tensor], n: List[int]) -> Tensor:
  layers, hidden, heads, kv_heads, dim, ffn, vocab, rank = n
  base = __torch__.reference.conventional.Reader(flat)
  embedding = base.take(vocab, hidden)
  x = torch.embedding(embedding, tokens)
  length = x.size(0)
  for layer in range(layers):
    w = annotate(List[Tensor], [])
    h = __torch__.reference.conventional.norm(x, base.take(1, hidden))
    for size in __torch__.reference.conventional.sizes(n):
      w.append(base.take(size[0], size[1]))
    at = 14 * layer
    q = __torch__.reference.conventional.linear(h, w[0], lora[at], lora[at + 1])
    k = __torch__.reference.conventional.linear(h, w[1], lora[at + 2], lora[at + 3])
    v = __torch__.reference.conventional.linear(h, w[2], lora[at + 4], lora[at + 5])
    q = __torch__.reference.conventional.heads_first(q, dim)
    k = __torch__.reference.conventional.heads_first(k, dim)
    v = __torch__.reference.conventional.heads_first(v, dim)
    q = __torch__.reference.conventional.rotate(q, cos, sin)
    k = __torch__.reference.conventional.rotate(k, cos, sin)
    k = torch.repeat_interleave(k, heads // kv_heads, 0)
    v = torch.repeat_interleave(v, heads // kv_heads, 0)
    o = torch.scaled_dot_product_attention(torch.unsqueeze(q, 0), torch.unsqueeze(k, 0),
                                           torch.unsqueeze(v, 0), None, 0., True)
    o = torch.reshape(torch.transpose(o[0], 0, 1), [length, heads * dim])
    x = x + __torch__.reference.conventional.linear(o, w[3], lora[at + 6], lora[at + 7])
    h = __torch__.reference.conventional.norm(x, base.take(1, hidden))
    gate = __torch__.reference.conventional.linear(h, w[4], lora[at + 8], lora[at + 9])
    up = __torch__.reference.conventional.linear(h, w[5], lora[at + 10], lora[at + 11])
    act = torch.silu(gate) * up
    x = x + __torch__.reference.conventional.linear(act, w[6], lora[at + 12], lora[at + 13])
  x = __torch__.reference.conventional.norm(x, base.take(1, hidden))
  logits = torch.to(torch.linear(x, embedding), 6)
  return torch.cross_entropy_loss(logits, labels)
