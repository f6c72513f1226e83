# Codes that are made numbers of the activations' type before they are multiplied, 2 million at a
# time, which a cache holds: many rows wait for arithmetic, which is fastest in that type. So nothing
# but the codes stays in memory, for gradients too.
class Widened:
  codes : __torch__.tandem.ops.weight.weight.Codes
  def __init__(self: __torch__.tandem.ops.weight.widened.Widened,
               codes: __torch__.tandem.ops.weight.weight.Codes) -> None:
    self.codes = codes
  def forward(self: __torch__.tandem.ops.weight.widened.Widened, x: Tensor,
              bias: Optional[Tensor]) -> Tensor:
    codes = self.codes
    outputs, inputs = (codes).size()
    block = __torch__.tandem.ops.weight.widened.block(inputs)
    parts = annotate(List[Tensor], [])
    for first in range(0, outputs, block):
      part = (codes).widen(first, min(first + block, outputs), x.dtype)
      parts.append(torch.linear(x, part))
    y = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
    return y if bias is None else torch.add_(y, bias)
  def prepare_backward_(self: __torch__.tandem.ops.weight.widened.Widened) -> None:
    return None
  def backward(self: __torch__.tandem.ops.weight.widened.Widened, dy: Tensor) -> Tensor:
    codes = self.codes
    outputs, inputs = (codes).size()
    block = __torch__.tandem.ops.weight.widened.block(inputs)
    dx = torch.matmul(dy[:, :block], (codes).widen(0, min(block, outputs), dy.dtype))
    for first in range(block, outputs, block):
      end = min(first + block, outputs)
      dx = torch.addmm(dx, dy[:, first : end], (codes).widen(first, end, dy.dtype))
    return dx
  def dense(self: __torch__.tandem.ops.weight.widened.Widened) -> Tensor:
    codes = self.codes
    outputs, inputs = (codes).size()
    return (codes).widen(0, outputs, 6)

# Outputs that are widened at once.
def block(inputs: int) -> int:
  return max(1, 2097152 // inputs // 64) * 64
