# One call is one optimizer step: loss, gradient and AdamW on a flat float32 vector of weights.
class Trainer(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # ids: [B, T + 1] int64, on any device; flat, first, second: [P] weights and moments, updated in place;
  # shape: [L, C, H, K, D, F, V] int64; hyper: [rate, decay, beta1, beta2, step, clip, theta, decayed] float32,
  # both on the host, where the first `decayed` weights decay (matrices) and the rest do not (norms).
  # Returns [loss, gradient norm].
  def forward(self: __torch__.tandem.pretrain.trainer.Trainer, ids: Tensor, flat: Tensor,
              first: Tensor, second: Tensor, shape: Tensor, hyper: Tensor) -> Tensor:
    torch.set_grad_enabled(True)
    sizes = [int(shape[i]) for i in range(7)]
    leaves : List[Tensor] = []
    for weight in __torch__.tandem.pretrain.llama.unpack(flat.detach().to(15), sizes):
      leaves.append(weight.detach().requires_grad_(True))
    ids = ids.to(flat.device)
    x = __torch__.tandem.pretrain.llama.forward(ids[:, :-1], leaves, sizes, float(hyper[6]))
    logits = __torch__.tandem.pretrain.llama.logits(x, leaves)
    loss = torch.cross_entropy_loss(logits.reshape([-1, sizes[6]]).to(6), ids[:, 1:].reshape([-1]))
    gradients : List[Tensor] = []
    for gradient in torch.grad([loss], leaves):
      gradients.append(unchecked_cast(Tensor, gradient).reshape([-1]))
    torch.set_grad_enabled(False)
    norm = __torch__.tandem.pretrain.trainer.update_(flat, first, second, torch.cat(gradients).to(6), hyper)
    torch.set_grad_enabled(True)
    return torch.stack([loss.detach(), norm])

  # Sum of the next-token losses of ids [B, T + 1], in nats, over all tokens.
  def loss_sum(self: __torch__.tandem.pretrain.trainer.Trainer, ids: Tensor, flat: Tensor,
               shape: List[int], theta: float) -> Tensor:
    weights = __torch__.tandem.pretrain.llama.unpack(flat.to(15), shape)
    ids = ids.to(flat.device)
    x = __torch__.tandem.pretrain.llama.forward(ids[:, :-1], weights, shape, theta)
    logits = __torch__.tandem.pretrain.llama.logits(x, weights).to(6)
    return torch.cross_entropy_loss(logits.reshape([-1, shape[6]]), ids[:, 1:].reshape([-1]), None, 2)

  # Greedy continuation. ids: [B, T], prompts padded at the right with room for the answer; lengths: [B], on
  # the host; stops: the tokens that end an answer.
  # Stops early when every row has met a stop token. Returns ids with the answers filled in.
  def generate(self: __torch__.tandem.pretrain.trainer.Trainer, ids: Tensor, lengths: Tensor,
               count: int, stops: Tensor, flat: Tensor, shape: List[int],
               theta: float) -> Tensor:
    weights = __torch__.tandem.pretrain.llama.unpack(flat.to(15), shape)
    rows = torch.arange(ids.size(0), device=flat.device)
    longest = int(lengths.max())
    out = ids.to(flat.device, 4, False, True)
    ends = lengths.to(flat.device)
    stops = stops.to(flat.device)
    done = torch.zeros_like(ends).to(11)
    made = 0
    while made < count and not bool(done.all()):
      x = __torch__.tandem.pretrain.llama.forward(out[:, : longest + made], weights, shape, theta)
      next = __torch__.tandem.pretrain.llama.logits(x[rows, ends - 1], weights).argmax(-1)
      out[rows, ends] = next
      done = done | torch.isin(next, stops)
      ends = ends + 1
      made = made + 1
    return out

# AdamW with clipping by the gradient's norm. Returns the norm before clipping.
def update_(flat: Tensor, first: Tensor, second: Tensor, gradient: Tensor, hyper: Tensor) -> Tensor:
  rate, decay, step = float(hyper[0]), float(hyper[1]), float(hyper[4])
  beta1, beta2 = float(hyper[2]), float(hyper[3])
  norm = torch.linalg_vector_norm(gradient)
  gradient.mul_((torch.reciprocal(norm + 1e-6) * float(hyper[5])).clamp(max=1.))
  first.lerp_(gradient, 1. - beta1)
  second.mul_(beta2).addcmul_(gradient, gradient, value=1. - beta2)
  root = (second / (1. - beta2 ** step)).sqrt_().add_(1e-8)
  flat[: int(hyper[7])].mul_(1. - rate * decay)
  flat.addcdiv_(first, root, value=-rate / (1. - beta1 ** step))
  return norm
