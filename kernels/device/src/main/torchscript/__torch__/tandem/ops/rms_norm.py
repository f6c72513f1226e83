# y = w * x / sqrt(mean(x^2) + eps), over the last dimension, in float32 inside. With the sums of
# squares s^2 instead of their means: y = (w sqrt(C)) * x * r, r = 1 / sqrt(s^2 + C eps). weight:
# w sqrt(C), [C] float32; floor: C eps, [1] float32.

# x [..., C] float32 -> r [..., 1]
def scale(x: Tensor, floor: Tensor) -> Tensor:
  s = torch.linalg_vector_norm(x, 2, [-1], True)
  return torch.rsqrt_(torch.addcmul(floor, s, s))

# x [..., C] -> the same in its type
def forward(x: Tensor, weight: Tensor, floor: Tensor) -> Tensor:
  wide = torch.to(x, 6)
  r = __torch__.tandem.ops.rms_norm.scale(wide, floor)
  return torch.to(torch.mul_(torch.mul(wide, r), weight), x.dtype)

# dy like x -> dx in float32: r g - x r^3 sum(g x), g = (w sqrt(C)) dy.
def backward(dy: Tensor, x: Tensor, weight: Tensor, floor: Tensor) -> Tensor:
  wide = torch.to(x, 6)
  r = __torch__.tandem.ops.rms_norm.scale(wide, floor)
  g = torch.mul(torch.to(dy, 6), weight)
  along = torch.mul(torch.sum(torch.mul(g, wide), [-1], True), torch.pow(r, 3))
  return torch.addcmul_(torch.mul_(g, r), wide, along, value=-1.)
