# In place of packed.py where libtorch was built without oneDNN.
class Packed:
  weight : Tensor
  def __init__(self: __torch__.tandem.ops.weight.packed.Packed, weight: Tensor,
               halves: bool) -> None:
    self.weight = weight
    ops.prim.RaiseException("libtorch has no oneDNN here")
  def forward(self: __torch__.tandem.ops.weight.packed.Packed, x: Tensor,
              bias: Optional[Tensor]) -> Tensor:
    return x
  def prepare_backward_(self: __torch__.tandem.ops.weight.packed.Packed) -> None:
    return None
  def backward(self: __torch__.tandem.ops.weight.packed.Packed, dy: Tensor) -> Tensor:
    return dy
  def dense(self: __torch__.tandem.ops.weight.packed.Packed) -> Tensor:
    return self.weight

def swiglu(self: __torch__.tandem.ops.weight.packed.Packed, x: Tensor,
           bias: Optional[Tensor]) -> Tensor:
  return x
