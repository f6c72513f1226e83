def double(x: Tensor) -> Tensor:
  ops.prim.RaiseException("there is no such operator")
  return x
