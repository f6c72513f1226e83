# A frozen linear: forward(x) = x W^T + b, x [N, in], W [out, in].
class Linear:
  weight : Tensor
  # of each output, if the weight is in 8 bits, [out] in the type of x
  scales : Optional[Tensor]
  # The weight of the second half of the outputs, if the halves lie in weights of their own.
  second : Optional[Tensor]
  transposed : Optional[Tensor]
  bias : Optional[Tensor]
  packed : bool
  def __init__(self: __torch__.tandem.ops.linear.Linear, weight: Tensor,
               bias: Optional[Tensor], packed: bool, quantized: bool, halves: bool) -> None:
    self.transposed = annotate(Optional[Tensor], None)
    self.bias = bias
    self.packed = packed
    self.scales = annotate(Optional[Tensor], None)
    self.second = annotate(Optional[Tensor], None)
    if quantized:
      codes, scales = __torch__.tandem.ops.linear.quantize(weight)
      self.weight = codes
      self.scales = scales
    elif packed and halves:
      first, second = torch.chunk(weight, 2)
      self.weight = __torch__.tandem.ops.linear.pack(first, packed)
      self.second = __torch__.tandem.ops.linear.pack(second, packed)
    else:
      self.weight = __torch__.tandem.ops.linear.pack(weight, packed)

# The blocked layout that oneDNN multiplies fastest, where the processor has it.
def pack(weight: Tensor, packed: bool) -> Tensor:
  if packed:
    return ops.mkldnn._reorder_linear_weight(torch.contiguous(weight), 1)
  return torch.contiguous(weight)

# weight [out, in] in 8 bits, and one scale for each output [out] in the weight's type. Scales are
# rounded before they divide, so that products with them are exact.
def quantize(weight: Tensor) -> Tuple[Tensor, Tensor]:
  largest = torch.to(torch.amax(torch.abs(weight), [1], True), 6)
  scales = torch.to(torch.clamp(torch.div(largest, 127.), 1e-30), weight.dtype)
  codes = torch.round_(torch.div(torch.to(weight, 6), torch.to(scales, 6)))
  return (torch.to(codes, 1), torch.squeeze(scales, 1))

def multiply(x: Tensor, weight: Tensor, bias: Optional[Tensor], packed: bool) -> Tensor:
  if packed:
    scalars = annotate(List[Optional[number]], [])
    return ops.mkldnn._linear_pointwise(x, weight, bias, "none", scalars, "")
  return torch.linear(x, weight, bias)

# Few rows wait for the weight to arrive, and are multiplied as they are by its codes. More rows than
# 20 wait for arithmetic, which is fastest in the type of x: so the weight is widened first, 2 million
# numbers at a time, which a cache holds. The operation for few reads 32 inputs at once, whether they
# are there or not.
def multiply_codes(x: Tensor, codes: Tensor, scales: Tensor, bias: Optional[Tensor]) -> Tensor:
  if x.size(0) <= 20 and codes.size(1) % 32 == 0:
    y = torch._weight_int8pack_mm(x, codes, scales)
  else:
    block = max(1, 2097152 // codes.size(1))
    parts = [torch.linear(x, torch.to(part, x.dtype)) for part in torch.split(codes, block)]
    y = torch.mul_(parts[0] if len(parts) == 1 else torch.cat(parts, 1), scales)
  return y if bias is None else torch.add_(y, bias)

# The bias of one half of the outputs.
def half(bias: Optional[Tensor], number: int) -> Optional[Tensor]:
  return None if bias is None else torch.chunk(bias, 2)[number]

# [N, in] -> [N, out]
def forward(self: __torch__.tandem.ops.linear.Linear, x: Tensor) -> Tensor:
  scales = self.scales
  if scales is not None:
    return __torch__.tandem.ops.linear.multiply_codes(x, self.weight, scales, self.bias)
  second = self.second
  if second is not None:
    first_bias = __torch__.tandem.ops.linear.half(self.bias, 0)
    second_bias = __torch__.tandem.ops.linear.half(self.bias, 1)
    return torch.cat([__torch__.tandem.ops.linear.multiply(x, self.weight, first_bias, True),
                      __torch__.tandem.ops.linear.multiply(x, second, second_bias, True)], 1)
  return __torch__.tandem.ops.linear.multiply(x, self.weight, self.bias, self.packed)

# silu of the first half of the outputs times the second, as ops/swiglu.py; [N, in] -> [N, out / 2].
# oneDNN does both while it writes the products.
def swiglu(self: __torch__.tandem.ops.linear.Linear, second: Tensor, x: Tensor) -> Tensor:
  scalars = annotate(List[Optional[number]], [])
  gate_bias = __torch__.tandem.ops.linear.half(self.bias, 0)
  up_bias = __torch__.tandem.ops.linear.half(self.bias, 1)
  gate = ops.mkldnn._linear_pointwise(x, self.weight, gate_bias, "swish", scalars, "")
  return ops.mkldnn._linear_pointwise(x, gate, second, up_bias, "mul")

# The transposed weight [in, out]
def transpose(self: __torch__.tandem.ops.linear.Linear, dtype: int) -> Tensor:
  scales = self.scales
  if scales is not None:
    return torch.t(torch.mul(torch.to(self.weight, dtype), torch.unsqueeze(scales, 1)))
  plain = torch.to_dense(self.weight)
  second = self.second
  if second is not None:
    plain = torch.cat([plain, torch.to_dense(second)])
  return torch.t(plain)

# Makes the transposed copy that backward needs of a weight that is packed or in 8 bits; before any
# lane goes backward, because lanes share the model and must not change it. dtype of the gradients.
def prepare_backward_(self: __torch__.tandem.ops.linear.Linear, dtype: int) -> None:
  if self.transposed is None and (self.packed or self.scales is not None):
    plain = __torch__.tandem.ops.linear.transpose(self, dtype)
    self.transposed = __torch__.tandem.ops.linear.pack(plain, self.packed)

# dy [N, out] -> dx [N, in]
def backward(self: __torch__.tandem.ops.linear.Linear, dy: Tensor) -> Tensor:
  transposed = self.transposed
  if transposed is None:
    return torch.matmul(dy, self.weight)
  return __torch__.tandem.ops.linear.multiply(dy, transposed, None, self.packed)
