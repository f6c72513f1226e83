# Lets tests call operator.py by itself, and something else beside it.
class Calls(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  def double(self: __torch__.reference.calls_operator.Calls, x: Tensor) -> Tensor:
    return __torch__.reference.operator.double(x)

  def negative(self: __torch__.reference.calls_operator.Calls, x: Tensor) -> Tensor:
    return torch.neg(x)
