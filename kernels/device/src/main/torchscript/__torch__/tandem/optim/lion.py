# Lion (Chen et al., 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2).
#   w = (1 - lr decay) w - lr sign(beta1 m + (1 - beta1) g)
#   m = beta2 m + (1 - beta2) g
# w, g, m [n] float32; w and m are updated.
def update_(w: Tensor, g: Tensor, m: Tensor, constants: __torch__.tandem.optim.settings.Settings,
            step: __torch__.tandem.optim.step.Step, lr: float) -> None:
  direction = torch.sign_(torch.lerp(m, g, 1. - constants.beta1))
  __torch__.tandem.optim.step.descend_(w, direction, step, lr, constants.decay)
  torch.lerp_(m, g, __torch__.tandem.optim.step.unless_skipped(step, 1. - constants.beta2, 0.))
