# Softly masked factors in operations that libtorch differentiates by itself.
class SoftMask(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  # a [rank, in], b [out, rank]; da and db: a gradient of A and of B with the masks inside; numbers: scaling,
  # t^2, temperature. Returns the gradient of A and B, flat.
  def forward(self: __torch__.reference.soft_mask.SoftMask, a: Tensor, b: Tensor, da: Tensor,
              db: Tensor, numbers: Tensor) -> Tensor:
    torch.set_grad_enabled(True)
    scaling, square, temperature = [float(number) for number in numbers]
    a = torch.requires_grad_(torch.detach(a), True)
    b = torch.requires_grad_(torch.detach(b), True)
    energy = torch.sum(a * a, [1]) * torch.sum(b * b, [0]) * scaling * scaling
    masked = b * torch.sigmoid((energy / square - 1.) / temperature)
    total = torch.sum(a * da) + torch.sum(masked * db)
    gradients = torch.grad([total], [a, b])
    first, second = unchecked_cast(Tensor, gradients[0]), unchecked_cast(Tensor, gradients[1])
    return torch.cat([torch.reshape(first, [-1]), torch.reshape(second, [-1])])
