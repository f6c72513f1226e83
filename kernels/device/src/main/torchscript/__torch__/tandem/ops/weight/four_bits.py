# 4 bits, with a scale and a zero for each group of 32 inputs of an output: w = (code - 8) scale + zero.
# The two are chosen such that the codes 0 and 15 are the least and the largest of a group. Few rows
# are multiplied in bfloat16, as in eight_bits.py.
class FourBits:
  # libtorch's layout for products of few rows, [padded out, in / 2] bytes
  packed : Tensor
  # [in / 32, padded out, 2] bfloat16
  scales : Tensor
  outputs : int
  # how the layout is read back, as found by layout()
  block : int
  # Some outputs at a time, because a large weight should not be in memory several times.
  def __init__(self: __torch__.tandem.ops.weight.four_bits.FourBits, weight: Tensor) -> None:
    outputs, inputs = weight.size(0), weight.size(1)
    padded = (outputs + 63) // 64 * 64
    self.packed = torch.empty([padded, inputs // 2], dtype=0, device=weight.device)
    self.scales = torch.empty([inputs // 32, padded, 2], dtype=15, device=weight.device)
    self.outputs = outputs
    block = __torch__.tandem.ops.weight.widened.block(inputs)
    for first in range(0, padded, block):
      last = min(first + block, padded)
      missing = max(0, last - outputs)
      part = torch.constant_pad_nd(weight[first : min(last, outputs)], [0, 0, 0, missing])
      codes, scales = __torch__.tandem.ops.weight.four_bits.quantize(part)
      packed = torch._convert_weight_to_int4pack_for_cpu(codes, 2)
      torch.copy_(self.packed[first : last], packed)
      torch.copy_(self.scales[:, first : last], torch.permute(scales, [1, 0, 2]))
    self.block = __torch__.tandem.ops.weight.four_bits.layout(weight.device)
  def forward(self: __torch__.tandem.ops.weight.four_bits.FourBits, x: Tensor,
              bias: Optional[Tensor]) -> Tensor:
    narrow = torch.contiguous(torch.to(x, 15))
    y = torch._weight_int4pack_mm_for_cpu(narrow, self.packed, 32, self.scales)
    y = torch.to(y[:, : self.outputs], x.dtype)
    return y if bias is None else torch.add(y, bias)
  def size(self: __torch__.tandem.ops.weight.four_bits.FourBits) -> List[int]:
    return [self.outputs, 32 * self.scales.size(0)]
  def widen(self: __torch__.tandem.ops.weight.four_bits.FourBits, first: int, end: int,
            dtype: int) -> Tensor:
    last = min((end + 63) // 64 * 64, self.packed.size(0))
    codes = __torch__.tandem.ops.weight.four_bits.unpack(self.packed[first : last], self.block)
    groups = torch.reshape(torch.to(codes, 6), [last - first, self.scales.size(0), 32])
    both = torch.to(torch.permute(self.scales[:, first : last], [1, 0, 2]), 6)
    shift = torch.sub(both[:, :, 1:], both[:, :, :1], alpha=8)
    wide = torch.add_(torch.mul_(groups, both[:, :, :1]), shift)
    return torch.to(torch.reshape(wide, [last - first, -1])[: end - first], dtype)

# weight [n, in] -> codes [n, in] int32, scales and zeros [n, in / 32, 2]. Both are rounded before they
# are used, so that codes make up for it.
def quantize(weight: Tensor) -> Tuple[Tensor, Tensor]:
  groups = torch.reshape(torch.to(weight, 6), [weight.size(0), -1, 32])
  least = torch.amin(groups, [2], True)
  step = torch.div(torch.sub(torch.amax(groups, [2], True), least), 15.)
  scales = torch.to(torch.clamp(step, 1e-30), 15)
  zeros = torch.to(torch.add(least, scales, alpha=8), 15)
  codes = torch.sub(groups, torch.to(zeros, 6))
  codes = torch.round_(torch.div_(codes, torch.to(scales, 6)))
  codes = torch.to(torch.clamp_(torch.add_(codes, 8), 0, 15), 3)
  return (torch.reshape(codes, [weight.size(0), -1]), torch.cat([scales, zeros], 2))

# Codes can be grouped by 32 inputs.
def takes(inputs: int) -> bool:
  return inputs % 32 == 0

# Bytes [n, in / 2] of libtorch's layout, n a multiple of 64 -> codes [n, in]. Outputs lie in blocks,
# input by input. A byte has the codes of two outputs: those half a block apart if block is positive,
# neighbours if it is negative.
def unpack(bytes: Tensor, block: int) -> Tensor:
  width = abs(block)
  inputs = 2 * bytes.size(1)
  byte = torch.view(bytes, [bytes.size(0) // width, inputs, width // 2])
  both = [torch.bitwise_and(byte, 15), torch.bitwise_right_shift(byte, 4)]
  if block > 0:
    codes = torch.cat(both, 2)
  else:
    codes = torch.reshape(torch.stack(both, 3), [byte.size(0), inputs, width])
  return torch.reshape(torch.permute(codes, [0, 2, 1]), [bytes.size(0), inputs])

# The layout depends on the processor, and nothing tells which it is: so it is looked for.
def layout(device: Device) -> int:
  # neighbours and outputs half a block apart have different codes
  outputs = torch.arange(128, dtype=4, device=device)
  codes = torch.add(torch.unsqueeze(torch.remainder(torch.mul(outputs, 7), 31), 1),
                    torch.arange(32, dtype=4, device=device))
  codes = torch.to(torch.remainder(codes, 16), 3)
  packed = torch._convert_weight_to_int4pack_for_cpu(codes, 2)
  for block in [64, 32, 16, -64, -32, -16]:
    if torch.equal(torch.to(__torch__.tandem.ops.weight.four_bits.unpack(packed, block), 3), codes):
      return block
  ops.prim.RaiseException("libtorch packs 4 bits in an unknown layout")
  return 0
