# A norm of rows: RMS norm if it has no bias, else layer norm.
class Norm:
  # [width] float32; of an RMS norm as in rms_norm.py
  weight : Tensor
  bias : Optional[Tensor]
  eps : float
  # of an RMS norm, see there
  floor : Tensor
  # numbers that are normed together
  width : int
  # weight, bias [width] float32
  def __init__(self: __torch__.tandem.ops.norm.Norm, weight: Tensor, bias: Optional[Tensor],
               eps: float) -> None:
    width = weight.size(0)
    self.weight = torch.mul(weight, float(width) ** 0.5) if bias is None else weight
    self.bias = bias
    self.eps = eps
    self.floor = torch.full([1], float(width) * eps, device=weight.device)
    self.width = width

# Over the last dimension of x, in float32 inside.
def forward(self: __torch__.tandem.ops.norm.Norm, x: Tensor) -> Tensor:
  bias = self.bias
  if bias is None:
    return __torch__.tandem.ops.rms_norm.forward(x, self.weight, self.floor)
  return torch.layer_norm(x, [self.width], self.weight, bias, self.eps)

# dy like x -> dx in float32
def backward(self: __torch__.tandem.ops.norm.Norm, dy: Tensor, x: Tensor) -> Tensor:
  bias = self.bias
  if bias is None:
    return __torch__.tandem.ops.rms_norm.backward(dy, x, self.weight, self.floor)
  y, mean, scale = torch.native_layer_norm(x, [self.width], self.weight, bias, self.eps)
  dx, dweight, dbias = torch.native_layer_norm_backward(
      dy, x, [self.width], mean, scale, self.weight, bias, [True, False, False])
  return torch.to(dx, 6)

# The same where the model may have no norm.
def forward_if(norm: Optional[__torch__.tandem.ops.norm.Norm], x: Tensor) -> Tensor:
  if norm is None:
    return x
  return __torch__.tandem.ops.norm.forward(norm, x)

def backward_if(norm: Optional[__torch__.tandem.ops.norm.Norm], dy: Tensor, x: Tensor) -> Tensor:
  if norm is None:
    return torch.to(dy, 6)
  return __torch__.tandem.ops.norm.backward(norm, dy, x)
