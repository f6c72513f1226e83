# Row-major, in the type of activations; works everywhere, and needs no copy to go backward.
class Plain:
  weight : Tensor
  def __init__(self: __torch__.tandem.ops.weight.plain.Plain, weight: Tensor) -> None:
    self.weight = torch.contiguous(weight)
  def forward(self: __torch__.tandem.ops.weight.plain.Plain, x: Tensor,
              bias: Optional[Tensor]) -> Tensor:
    return torch.linear(x, self.weight, bias)
  def prepare_backward_(self: __torch__.tandem.ops.weight.plain.Plain) -> None:
    return None
  def backward(self: __torch__.tandem.ops.weight.plain.Plain, dy: Tensor) -> Tensor:
    return torch.matmul(dy, self.weight)
  def dense(self: __torch__.tandem.ops.weight.plain.Plain) -> Tensor:
    return self.weight
