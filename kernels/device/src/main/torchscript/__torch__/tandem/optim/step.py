# What all regions share in one step. Whether the gradient is finite is known on the device alone, and a
# step with one that is not leaves weights and state as they are. So what the formulas multiply with are
# tensors, which are neutral in such a step.
class Step:
  lr : float
  # norm of the scaled gradient before it is clipped, and the factor that scales and clips, which is
  # NaN in a step that is skipped; [] float32
  norm : Tensor
  factor : Tensor
  # whether the step is skipped, [] bool, the same as 0 or 1, [] float32, and the opposite, [] uint8
  skipped : Tensor
  found_inf : Tensor
  kept : Tensor
  # norms of the regions [n]; largest: what the norm is clipped to, 0 for any
  def __init__(self: __torch__.tandem.optim.step.Step, norms: Tensor, scale: float, largest: float,
               lr: float) -> None:
    self.lr = lr
    self.norm = torch.mul(torch.linalg_vector_norm(norms), scale)
    # zero, or NaN if the norm is not finite
    nothing = torch.sub(self.norm, self.norm)
    self.skipped = torch.ne(nothing, 0.)
    self.found_inf = torch.to(self.skipped, 6)
    self.kept = torch.to(torch.logical_not(self.skipped), 0)
    factor = torch.full_like(self.norm, scale)
    if largest > 0.:
      clip = torch.clamp(torch.mul(torch.reciprocal(self.norm), largest), None, 1.)
      factor = torch.mul(clip, scale)
    self.factor = torch.add(factor, nothing)

# The gradient scaled and clipped in place, zero if the step is skipped. Filling through a mask takes
# ten times as long.
def scale_(self: __torch__.tandem.optim.step.Step, g: Tensor) -> Tensor:
  return torch.nan_to_num_(torch.mul_(g, self.factor), 0., 0., 0.)

# A number as a tensor [], or what is neutral in its place if the step is skipped.
def unless_skipped(self: __torch__.tandem.optim.step.Step, number: float, neutral: float) -> Tensor:
  return torch.masked_fill(torch.full_like(self.norm, number), self.skipped, neutral)

# w - lr decay w - lr x
def descend_(w: Tensor, x: Tensor, self: __torch__.tandem.optim.step.Step, lr: float,
             decay: float) -> None:
  kept = __torch__.tandem.optim.step.unless_skipped(self, 1. - lr * decay, 1.)
  rate = __torch__.tandem.optim.step.unless_skipped(self, -lr, 0.)
  torch.addcmul_(torch.mul_(w, kept), x, rate)
