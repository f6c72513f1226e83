# 8 bits, with one scale for each output. Few rows wait for the weight to arrive, and are multiplied
# by its codes as they are; libtorch does that fast for bfloat16 alone.
class EightBits:
  # [out, in]
  codes : Tensor
  # [out] bfloat16
  scales : Tensor
  # Scales are rounded before they divide, so that products with them are exact.
  def __init__(self: __torch__.tandem.ops.weight.eight_bits.EightBits, weight: Tensor) -> None:
    largest = torch.to(torch.amax(torch.abs(weight), [1], True), 6)
    scales = torch.to(torch.clamp(torch.div(largest, 127.), 1e-30), 15)
    codes = torch.round_(torch.div(torch.to(weight, 6), torch.to(scales, 6)))
    self.codes = torch.to(codes, 1)
    self.scales = torch.squeeze(scales, 1)
  def forward(self: __torch__.tandem.ops.weight.eight_bits.EightBits, x: Tensor,
              bias: Optional[Tensor]) -> Tensor:
    narrow = torch.contiguous(torch.to(x, 15))
    y = torch.to(torch._weight_int8pack_mm(narrow, self.codes, self.scales), x.dtype)
    return y if bias is None else torch.add_(y, bias)
  def size(self: __torch__.tandem.ops.weight.eight_bits.EightBits) -> List[int]:
    return [self.codes.size(0), self.codes.size(1)]
  def widen(self: __torch__.tandem.ops.weight.eight_bits.EightBits, first: int, end: int,
            dtype: int) -> Tensor:
    return torch.mul_(torch.to(self.codes[first : end], dtype),
                      torch.unsqueeze(self.scales[first : end], 1))

# The operation for few rows reads 32 inputs at once, whether they are there or not.
def takes(inputs: int) -> bool:
  return inputs % 32 == 0
