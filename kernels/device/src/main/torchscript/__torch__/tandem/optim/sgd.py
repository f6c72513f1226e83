# Gradient descent with momentum beta1 and decoupled decay (Loshchilov and Hutter, 2019,
# algorithm 1): v = beta1 v + g;  w = (1 - lr decay) w - lr v.
# w, g, v [n] float32; w and v are updated.
def update_(w: Tensor, g: Tensor, v: Tensor, constants: __torch__.tandem.optim.settings.Settings,
            lr: float) -> None:
  torch.add_(torch.mul_(v, constants.beta1), g)
  torch.add_(torch.mul_(w, 1. - lr * constants.decay), v, alpha=-lr)
