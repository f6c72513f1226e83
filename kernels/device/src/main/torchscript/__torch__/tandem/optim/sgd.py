# Gradient descent with momentum beta1 and decoupled decay (Loshchilov and Hutter, 2019,
# algorithm 1): v = beta1 v + g;  w = (1 - lr decay) w - lr v.
# w, g, v [n] float32; w and v are updated.
def update_(w: Tensor, g: Tensor, v: Tensor, constants: __torch__.tandem.optim.settings.Settings,
            step: __torch__.tandem.optim.step.Step, lr: float) -> None:
  momentum = __torch__.tandem.optim.step.unless_skipped(step, constants.beta1, 1.)
  torch.add_(torch.mul_(v, momentum), g)
  __torch__.tandem.optim.step.descend_(w, v, step, lr, constants.decay)
