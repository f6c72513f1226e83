# Lets tests call the quantized weights of ops/weight by themselves.
class Quantized(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # x [n, in], weight [out, in] and bias [out], or [0] for none, float32 -> [4, n, out] float32:
  # x W^T + b with a weight in 8 bits by the kernel for few rows and by that for many, then in 4 bits;
  # zeros where inputs cannot be multiplied so. dtype of the activations.
  def multiply(self: __torch__.reference.linear.Quantized, x: Tensor, weight: Tensor, bias: Tensor,
               dtype: int) -> Tensor:
    added = annotate(Optional[Tensor], None)
    if torch.numel(bias) > 0:
      added = torch.to(bias, dtype)
    narrow, w = torch.to(x, dtype), torch.to(weight, dtype)
    y = annotate(List[Tensor], [])
    eight = __torch__.tandem.ops.weight.eight_bits.EightBits(w)
    none = torch.zeros([x.size(0), weight.size(0)], dtype=dtype)
    y.append((eight).forward(narrow, added) if x.size(1) % 32 == 0 else none)
    widened = __torch__.tandem.ops.weight.widened.Widened(eight)
    y.append((widened).forward(narrow, added))
    if x.size(1) % 32 == 0:
      four = __torch__.tandem.ops.weight.four_bits.FourBits(w)
      y.append((four).forward(narrow, added))
      widened = __torch__.tandem.ops.weight.widened.Widened(four)
      y.append((widened).forward(narrow, added))
    else:
      y = y + [none, none]
    return torch.to(torch.stack(y), 6)

  # dy [n, out], weight [out, in] float32 -> [2, n, in]: dy W by a weight in 8 and in 4 bits
  def backward(self: __torch__.reference.linear.Quantized, dy: Tensor, weight: Tensor) -> Tensor:
    eight = __torch__.tandem.ops.weight.eight_bits.EightBits(weight)
    four = __torch__.tandem.ops.weight.four_bits.FourBits(weight)
    of_eight = __torch__.tandem.ops.weight.widened.Widened(eight)
    of_four = __torch__.tandem.ops.weight.widened.Widened(four)
    return torch.stack([(of_eight).backward(dy), (of_four).backward(dy)])
