# FBGEMM's blocked layout in float16, under float32 activations; sums are in float32.
class Half:
  weight : __torch__.torch.classes.quantized.LinearPackedParamsBase
  # [in, out]
  transposed : Optional[__torch__.torch.classes.quantized.LinearPackedParamsBase]
  def __init__(self: __torch__.tandem.ops.weight.half.Half, weight: Tensor) -> None:
    self.weight = ops.quantized.linear_prepack_fp16(torch.contiguous(weight), None)
    self.transposed = annotate(
        Optional[__torch__.torch.classes.quantized.LinearPackedParamsBase], None)
  def forward(self: __torch__.tandem.ops.weight.half.Half, x: Tensor,
              bias: Optional[Tensor]) -> Tensor:
    y = ops.quantized.linear_dynamic_fp16(x, self.weight)
    return y if bias is None else torch.add_(y, bias)
  def prepare_backward_(self: __torch__.tandem.ops.weight.half.Half) -> None:
    if self.transposed is None:
      plain, bias = ops.quantized.linear_unpack_fp16(self.weight)
      self.transposed = ops.quantized.linear_prepack_fp16(
          torch.contiguous(torch.t(torch.to(plain, 6))), None)
  def backward(self: __torch__.tandem.ops.weight.half.Half, dy: Tensor) -> Tensor:
    transposed = unchecked_cast(__torch__.torch.classes.quantized.LinearPackedParamsBase,
                                self.transposed)
    return ops.quantized.linear_dynamic_fp16(dy, transposed)
  def dense(self: __torch__.tandem.ops.weight.half.Half) -> Tensor:
    plain, bias = ops.quantized.linear_unpack_fp16(self.weight)
    return torch.to(plain, 6)
