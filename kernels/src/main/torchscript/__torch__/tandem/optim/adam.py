# Adam (Kingma and Ba, 2015) without decay.
#   m = beta1 m + (1 - beta1) g
#   v = beta2 v + (1 - beta2) g^2
#   w = w - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)
# w, g, m, v [n] float32; w, m and v are updated. t counts from one.
def update_(w: Tensor, g: Tensor, m: Tensor, v: Tensor,
            constants: __torch__.tandem.optim.settings.Settings, t: int, lr: float) -> None:
  beta1, beta2 = constants.beta1, constants.beta2
  torch.lerp_(m, g, 1. - beta1)
  torch.addcmul_(torch.mul_(v, beta2), g, g, value=1. - beta2)
  correction = (1. - beta2 ** t) ** 0.5
  root = torch.add_(torch.div_(torch.sqrt(v), correction), constants.eps)
  torch.addcdiv_(w, m, root, value=-lr / (1. - beta1 ** t))
