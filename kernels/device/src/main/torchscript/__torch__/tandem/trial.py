# Products of one weight in one form, for comparison with results that the caller knows.
class Trial(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # weight [2 F, C], x [N, C], both float32; the halves of the weight are gate and up. forms as in
  # ops/linear.py. Returns, all in float32, x W^T [N, 2 F], silu(gate) * up of it [N, F], and
  # (x W^T) W [N, C].
  def products(self: __torch__.tandem.trial.Trial, weight: Tensor, x: Tensor, dtype: int,
               few: str, rows: int, many: str) -> List[Tensor]:
    forms = __torch__.tandem.ops.linear.Forms(few, rows, many)
    linear = __torch__.tandem.ops.linear.new(torch.to(weight, dtype), None, forms, True)
    narrow = torch.to(x, dtype)
    y = __torch__.tandem.ops.linear.forward(linear, narrow)
    packed = linear.gated
    if packed is not None:
      gated = __torch__.tandem.ops.weight.packed.swiglu(packed, narrow, None)
    else:
      gated = __torch__.tandem.ops.gated.forward(y, 0)[0]
    __torch__.tandem.ops.linear.prepare_backward_(linear)
    dx = __torch__.tandem.ops.linear.backward(linear, y)
    return [torch.to(y, 6), torch.to(gated, 6), torch.to(dx, 6)]

  # So many copies of a weight [out, in], float32, in one form; together larger than the caches.
  def copies(self: __torch__.tandem.trial.Trial, weight: Tensor, dtype: int, few: str, rows: int,
             many: str, count: int) -> List[__torch__.tandem.ops.linear.Linear]:
    forms = __torch__.tandem.ops.linear.Forms(few, rows, many)
    made = annotate(List[__torch__.tandem.ops.linear.Linear], [])
    for i in range(count):
      copy = torch.to(torch.clone(weight), dtype)
      _0 = torch.append(made, __torch__.tandem.ops.linear.new(copy, None, forms, False))
    return made

  # x [N, in], float32, by the first of the weights; returns the last product.
  def multiply(self: __torch__.tandem.trial.Trial,
               linears: List[__torch__.tandem.ops.linear.Linear], x: Tensor, dtype: int,
               products: int) -> Tensor:
    narrow = torch.to(x, dtype)
    y = narrow
    for linear in linears[:products]:
      y = __torch__.tandem.ops.linear.forward(linear, narrow)
    return torch.to(y, 6)
