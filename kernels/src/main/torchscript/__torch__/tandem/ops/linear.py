# A frozen linear: forward(x) = x W^T + b, x [N, in], W [out, in].
class Linear:
  weight : Tensor
  transposed : Optional[Tensor]
  bias : Optional[Tensor]
  packed : bool
  def __init__(self: __torch__.tandem.ops.linear.Linear, weight: Tensor,
               bias: Optional[Tensor], packed: bool) -> None:
    self.weight = __torch__.tandem.ops.linear.pack(weight, packed)
    self.transposed = annotate(Optional[Tensor], None)
    self.bias = bias
    self.packed = packed

# The blocked layout that oneDNN multiplies fastest; the one assumption about the CPU.
def pack(weight: Tensor, packed: bool) -> Tensor:
  if packed:
    return ops.mkldnn._reorder_linear_weight(torch.contiguous(weight), 1)
  return torch.contiguous(weight)

def multiply(x: Tensor, weight: Tensor, bias: Optional[Tensor], packed: bool) -> Tensor:
  if packed:
    scalars = annotate(List[Optional[number]], [])
    return ops.mkldnn._linear_pointwise(x, weight, bias, "none", scalars, "")
  return torch.linear(x, weight, bias)

# [N, in] -> [N, out]
def forward(self: __torch__.tandem.ops.linear.Linear, x: Tensor) -> Tensor:
  return __torch__.tandem.ops.linear.multiply(x, self.weight, self.bias, self.packed)

# dy [N, out] -> dx [N, in]. The packed copy of the transposed weight is made at its first use.
def backward(self: __torch__.tandem.ops.linear.Linear, dy: Tensor) -> Tensor:
  if not self.packed:
    return torch.matmul(dy, self.weight)
  transposed = self.transposed
  if transposed is None:
    plain = torch.to_dense(self.weight)
    transposed = __torch__.tandem.ops.linear.pack(torch.t(plain), True)
    self.transposed = transposed
  return __torch__.tandem.ops.linear.multiply(dy, transposed, None, True)
