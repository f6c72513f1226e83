# Numbers of rows, rounded up. oneDNN compiles a kernel for every shape that it has not met lately,
# and that takes longer than hundreds of products of the shape; the rows of iterations never stop
# changing. So products that it computes get rows of zeros, up to a number of which there are few:
# for 8 parts those with three significant bits, at most 1.25 times what was asked for.
def round_up(n: int, parts: int) -> int:
  step = 1
  while n > parts * step:
    step = step * 2
  return (n + step - 1) // step * step

# Rows that a product of n rows gets in addition, if oneDNN computes it.
def missing(n: int, packed: bool) -> int:
  return __torch__.tandem.ops.rows.round_up(n, 8) - n if packed else 0

# x [n, C] -> [n or more, C]
def pad(x: Tensor, packed: bool) -> Tensor:
  missing = __torch__.tandem.ops.rows.missing(x.size(0), packed)
  return torch.constant_pad_nd(x, [0, 0, 0, missing]) if missing > 0 else x
