# A frozen weight [out, in] in one form: how its numbers lie in memory, and what multiplies them.

# forward(x) = x W^T + b, x [N, in], bias [out] -> [N, out]
class Forward(Interface):
  def forward(self: __torch__.tandem.ops.weight.weight.Forward, x: Tensor,
              bias: Optional[Tensor]) -> Tensor:
    pass

# The same, and backward(dy) = dy W, dy [N, out] -> [N, in]. prepare_backward_ makes what that needs
# beside the numbers themselves; it runs once, before any lane goes backward, because lanes share the
# model and must not change it. dense() is the weight [out, in] in the type of activations, not to be changed.
class Weight(Interface):
  def forward(self: __torch__.tandem.ops.weight.weight.Weight, x: Tensor,
              bias: Optional[Tensor]) -> Tensor:
    pass
  def prepare_backward_(self: __torch__.tandem.ops.weight.weight.Weight) -> None:
    pass
  def backward(self: __torch__.tandem.ops.weight.weight.Weight, dy: Tensor) -> Tensor:
    pass
  def dense(self: __torch__.tandem.ops.weight.weight.Weight) -> Tensor:
    pass

# A weight whose numbers are codes of fewer bits.
class Codes(Interface):
  # how many outputs it has, and how many inputs
  def size(self: __torch__.tandem.ops.weight.weight.Codes) -> List[int]:
    pass
  # The outputs from first to end as numbers of the type, [end - first, in]; first is a multiple of 64.
  def widen(self: __torch__.tandem.ops.weight.weight.Codes, first: int, end: int,
            dtype: int) -> Tensor:
    pass
