# 8 bits, with one scale for each output. Few rows wait for the weight to arrive, and are multiplied
# by its codes as they are; libtorch does that fast for bfloat16 alone.
class EightBits:
  # [out, in]
  codes : Tensor
  # [out] bfloat16
  scales : Tensor
  # Some outputs at a time, because a large weight should not be in memory several times.
  def __init__(self: __torch__.tandem.ops.weight.eight_bits.EightBits, weight: Tensor) -> None:
    outputs, inputs = weight.size(0), weight.size(1)
    self.codes = torch.empty([outputs, inputs], dtype=1, device=weight.device)
    self.scales = torch.empty([outputs], dtype=15, device=weight.device)
    block = __torch__.tandem.ops.weight.widened.block(inputs)
    for first in range(0, outputs, block):
      end = min(first + block, outputs)
      codes, scales = __torch__.tandem.ops.weight.eight_bits.quantize(weight[first : end])
      torch.copy_(self.codes[first : end], codes)
      torch.copy_(self.scales[first : end], scales)
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

# weight [n, in] -> codes [n, in], scales [n]. Scales are rounded before they divide, so that products
# with them are exact.
def quantize(weight: Tensor) -> Tuple[Tensor, Tensor]:
  wide = torch.to(weight, 6)
  largest = torch.amax(torch.abs(wide), [1], True)
  scales = torch.to(torch.clamp(torch.div(largest, 127.), 1e-30), 15)
  codes = torch.round_(torch.div(wide, torch.to(scales, 6)))
  return (codes, torch.squeeze(scales, 1))

# The operation for few rows reads 32 inputs at once, whether they are there or not.
def takes(inputs: int) -> bool:
  return inputs % 32 == 0
