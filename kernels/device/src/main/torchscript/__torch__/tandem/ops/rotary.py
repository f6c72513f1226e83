# Rotary position embedding of the first R channels of each head, halves rotated against each other
# (HuggingFace's layout). x [N, heads, D], cos and sin [N, 1, R] in float32; sin has the first half
# negated, so that swapping the halves and multiplying is the whole rotation.
def forward(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  width = cos.size(2)
  if width < x.size(2):
    turned = __torch__.tandem.ops.rotary.rotate(x[:, :, :width], cos, sin)
    return torch.cat([turned, x[:, :, width:]], 2)
  return __torch__.tandem.ops.rotary.rotate(x, cos, sin)

def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  wide = torch.to(x, 6)
  half = x.size(2) // 2
  return torch.to(torch.addcmul(torch.mul(wide, cos), torch.roll(wide, [half], [2]), sin), x.dtype)

# The transpose of a rotation is the rotation by the negative angle.
def backward(dy: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
  return __torch__.tandem.ops.rotary.forward(dy, cos, torch.neg(sin))
