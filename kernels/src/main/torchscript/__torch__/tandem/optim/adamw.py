# AdamW (Loshchilov and Hutter, 2019, algorithm 2): w = (1 - lr decay) w, then Adam.
# Shapes as in adam.py.
def update_(w: Tensor, g: Tensor, m: Tensor, v: Tensor,
            constants: __torch__.tandem.optim.settings.Settings, t: int, lr: float) -> None:
  torch.mul_(w, 1. - lr * constants.decay)
  __torch__.tandem.optim.adam.update_(w, g, m, v, constants, t, lr)
