# oneDNN's blocked layout, in bfloat16. The halves of the outputs lie apart if they are gate and up.
class Packed:
  weight : Tensor
  second : Optional[Tensor]
  # [in, out], packed
  transposed : Optional[Tensor]
  def __init__(self: __torch__.tandem.ops.weight.packed.Packed, weight: Tensor,
               halves: bool) -> None:
    self.second = annotate(Optional[Tensor], None)
    self.transposed = annotate(Optional[Tensor], None)
    if halves:
      first, second = torch.chunk(weight, 2)
      self.weight = __torch__.tandem.ops.weight.packed.pack(first)
      self.second = __torch__.tandem.ops.weight.packed.pack(second)
    else:
      self.weight = __torch__.tandem.ops.weight.packed.pack(weight)
  def forward(self: __torch__.tandem.ops.weight.packed.Packed, x: Tensor,
              bias: Optional[Tensor]) -> Tensor:
    second = self.second
    if second is None:
      return __torch__.tandem.ops.weight.packed.multiply(x, self.weight, bias, "none")
    first_bias = __torch__.tandem.ops.weight.packed.half(bias, 0)
    second_bias = __torch__.tandem.ops.weight.packed.half(bias, 1)
    return torch.cat([__torch__.tandem.ops.weight.packed.multiply(x, self.weight, first_bias, "none"),
                      __torch__.tandem.ops.weight.packed.multiply(x, second, second_bias, "none")], 1)
  def prepare_backward_(self: __torch__.tandem.ops.weight.packed.Packed) -> None:
    if self.transposed is None:
      self.transposed = __torch__.tandem.ops.weight.packed.pack(torch.t((self).dense()))
  def backward(self: __torch__.tandem.ops.weight.packed.Packed, dy: Tensor) -> Tensor:
    return __torch__.tandem.ops.weight.packed.multiply(
        dy, unchecked_cast(Tensor, self.transposed), None, "none")
  def dense(self: __torch__.tandem.ops.weight.packed.Packed) -> Tensor:
    plain = torch.to_dense(self.weight)
    second = self.second
    return plain if second is None else torch.cat([plain, torch.to_dense(second)])

def pack(weight: Tensor) -> Tensor:
  return ops.mkldnn._reorder_linear_weight(torch.contiguous(weight), 1)

# after: what happens to each product while it is written
def multiply(x: Tensor, weight: Tensor, bias: Optional[Tensor], after: str) -> Tensor:
  scalars = annotate(List[Optional[number]], [])
  return ops.mkldnn._linear_pointwise(x, weight, bias, after, scalars, "")

# The bias of one half of the outputs.
def half(bias: Optional[Tensor], number: int) -> Optional[Tensor]:
  return None if bias is None else torch.chunk(bias, 2)[number]

# silu of the first half of the outputs times the second, as ops/gated.py; [N, in] -> [N, out / 2].
# oneDNN does both while it writes the products.
def swiglu(self: __torch__.tandem.ops.weight.packed.Packed, x: Tensor,
           bias: Optional[Tensor]) -> Tensor:
  second = unchecked_cast(Tensor, self.second)
  gate_bias = __torch__.tandem.ops.weight.packed.half(bias, 0)
  up_bias = __torch__.tandem.ops.weight.packed.half(bias, 1)
  gate = __torch__.tandem.ops.weight.packed.multiply(x, self.weight, gate_bias, "swish")
  return ops.mkldnn._linear_pointwise(x, gate, second, up_bias, "mul")
