# Names an operator that no libtorch has.
def double(x: Tensor) -> Tensor:
  return ops.tandem.no_such_operator(x)
