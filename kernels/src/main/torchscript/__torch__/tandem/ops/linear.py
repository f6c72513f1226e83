# A frozen linear: forward(x) = x W^T + b, x [N, in], W [out, in].
class Linear:
  weight : Tensor
  # of each output, if the weight is in 8 bits, [out] float32
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
      codes, scales = __torch__.tandem.ops.linear.quantize(weight, 0, 1)
      self.weight = ops.onednn.qlinear_prepack(codes, [8, weight.size(1)])
      self.scales = torch.squeeze(scales, 1)
    elif packed and halves:
      first, second = torch.chunk(weight, 2)
      self.weight = __torch__.tandem.ops.linear.pack(first, packed)
      self.second = __torch__.tandem.ops.linear.pack(second, packed)
    else:
      self.weight = __torch__.tandem.ops.linear.pack(weight, packed)

# The blocked layout that oneDNN multiplies fastest; the one assumption about the CPU.
def pack(weight: Tensor, packed: bool) -> Tensor:
  if packed:
    return ops.mkldnn._reorder_linear_weight(torch.contiguous(weight), 1)
  return torch.contiguous(weight)

# x [n, width] in 8 bits with one scale per row: codes around `zero` and scales [n, 1] float32. Rows
# are rounded by themselves, so what a row becomes does not depend on others.
def quantize(x: Tensor, zero: int, dtype: int) -> Tuple[Tensor, Tensor]:
  largest = torch.to(torch.amax(torch.abs(x), [1], True), 6)
  scales = torch.clamp(torch.div(largest, 127.), 1e-30)
  codes = torch.add_(torch.round_(torch.div(x, scales)), zero)
  return (torch.to(codes, dtype), scales)

def multiply(x: Tensor, weight: Tensor, bias: Optional[Tensor], packed: bool) -> Tensor:
  if packed:
    scalars = annotate(List[Optional[number]], [])
    return ops.mkldnn._linear_pointwise(x, weight, bias, "none", scalars, "")
  return torch.linear(x, weight, bias)

# Codes of both are multiplied as integers; scales of weights by the way, those of rows after it.
# Codes of x are unsigned: only AMX multiplies two signed ones fast, and oneDNN falls back to a
# reference implementation elsewhere, hundreds of times slower.
def multiply_codes(x: Tensor, weight: Tensor, scales: Tensor, bias: Optional[Tensor]) -> Tensor:
  codes, row_scales = __torch__.tandem.ops.linear.quantize(x, 128, 0)
  zeros = torch.zeros_like(scales, dtype=3)
  scalars = annotate(List[Optional[number]], [])
  y = ops.onednn.qlinear_pointwise(codes, 1., 128, weight, scales, zeros, None, 1., 0, 6, "none",
                                   scalars, "")
  torch.mul_(y, row_scales)
  if bias is not None:
    torch.add_(y, bias)
  return torch.to(y, x.dtype)

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
    return torch.to(torch.mul(torch.to(torch.to_dense(self.weight), 6), scales), dtype)
  plain = torch.to_dense(self.weight)
  second = self.second
  if second is not None:
    plain = torch.cat([plain, torch.to_dense(second)])
  return torch.t(plain)

# dy [N, out] -> dx [N, in]. The packed copy of the transposed weight is made at its first use.
def backward(self: __torch__.tandem.ops.linear.Linear, dy: Tensor) -> Tensor:
  if not self.packed:
    return torch.matmul(dy, self.weight)
  transposed = self.transposed
  if transposed is None:
    plain = __torch__.tandem.ops.linear.transpose(self, dy.dtype)
    transposed = __torch__.tandem.ops.linear.pack(plain, True)
    self.transposed = transposed
  return __torch__.tandem.ops.linear.multiply(dy, transposed, None, True)
