# Lets tests call ops/linear.py by itself.
class EightBits(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # x [n, in], weight [out, in] and bias [out], or [0] for none, all bfloat16 numbers in float32
  # -> x W^T + b by a weight in 8 bits
  def multiply(self: __torch__.reference.linear.EightBits, x: Tensor, weight: Tensor,
               bias: Tensor) -> Tensor:
    added = annotate(Optional[Tensor], None)
    if torch.numel(bias) > 0:
      added = torch.to(bias, 15)
    linear = __torch__.tandem.ops.linear.Linear(torch.to(weight, 15), added, True, True, False)
    return torch.to(__torch__.tandem.ops.linear.forward(linear, torch.to(x, 15)), 6)

  # dy [n, out], weight [out, in] float32 -> dy W by a weight in 8 bits that is not packed
  def backward(self: __torch__.reference.linear.EightBits, dy: Tensor, weight: Tensor) -> Tensor:
    linear = __torch__.tandem.ops.linear.Linear(weight, None, False, True, False)
    __torch__.tandem.ops.linear.prepare_backward_(linear, 6)
    return __torch__.tandem.ops.linear.backward(linear, dy)
