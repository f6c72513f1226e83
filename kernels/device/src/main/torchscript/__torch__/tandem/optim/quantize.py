# Block-wise dynamic quantization to 8 bits (Dettmers et al., 2022, "8-bit Optimizers via
# Block-wise Quantization"). Every block of 256 numbers is divided by its largest magnitude, and
# each quotient becomes the code of the nearest of 256 values. Those lie in seven decades below 1,
# each with twice as many values as the one below it.

# Of both moments, the first with signs, the second without: values [512], ascending by moment, that
# codes stand for; table [65536] int32 that says the code of a quotient, see encode; moment [2, 1]
# int32: 0 and 1.
class Maps:
  values : Tensor
  table : Tensor
  moment : Tensor
  def __init__(self: __torch__.tandem.optim.quantize.Maps, device: Device) -> None:
    values = [__torch__.tandem.optim.quantize.new_values(True, device),
              __torch__.tandem.optim.quantize.new_values(False, device)]
    tables = [__torch__.tandem.optim.quantize.new_table(values[0], True),
              __torch__.tandem.optim.quantize.new_table(values[1], False)]
    self.values = torch.cat(values)
    self.table = torch.cat(tables)
    self.moment = torch.unsqueeze(torch.arange(2, dtype=3, device=device), 1)

# Both moments of Adam in 8 bits: codes [2, n] uint8, absmax [2, blocks] float32; the last block may
# be shorter. They are computed together, since half of the time of an operation is its start.
class Quantized:
  maps : __torch__.tandem.optim.quantize.Maps
  codes : Tensor
  absmax : Tensor
  def __init__(self: __torch__.tandem.optim.quantize.Quantized,
               maps: __torch__.tandem.optim.quantize.Maps, codes: Tensor, absmax: Tensor) -> None:
    self.maps = maps
    self.codes = codes
    self.absmax = absmax

# For i from 0 to 6 the middles of 2^i equal cells of [0.1, 1], or of 2^(i + 1) without signs, times
# 10^(i - 6); with signs their negatives too; then 0 and 1.
def new_values(signed: bool, device: Device) -> Tensor:
  values = [torch.zeros([1], dtype=7, device=device), torch.ones([1], dtype=7, device=device)]
  for i in range(7):
    cells = (1 if signed else 2) << i
    cell = torch.add(torch.arange(cells, dtype=7, device=device), 0.5)
    decade = torch.mul(torch.add(torch.mul(cell, 0.9 / float(cells)), 0.1), 10. ** (i - 6))
    values.append(decade)
    if signed:
      values.append(torch.neg(decade))
  return torch.to(torch.sort(torch.cat(values))[0], 6)

# The bits of numbers as integers of 0 or more, which ascend with the positive numbers up to 2^30,
# and beyond with the negative ones up to 2^31. -0 counts as negative.
def ordered(numbers: Tensor) -> Tensor:
  return torch.abs_(torch.clamp_min_(torch.view_copy(numbers, dtype=3), -2147483647))

# Quotients that begin with the same 16 bits are an interval with one bound of two codes inside at
# most. Its entry has the code of the lower end in the upper half, less those 16 bits, and in the
# lower half what a number beyond the bound, and no other, makes carry. values [256] -> [32768] int32
def new_table(values: Tensor, signed: bool) -> Tensor:
  middles = torch.div(torch.add(values[:-1], values[1:]), 2.)
  if signed:
    # Nothing negative becomes zero, so that signs survive. The smallest normal number, because a
    # processor may take smaller ones for zero.
    torch.fill_(middles[126], -1.1754943508222875e-38)
  bounds = torch.cat([middles, torch.full([1], inf, device=values.device)])
  ends = torch.bitwise_left_shift(torch.arange(32768, dtype=4, device=values.device), 16)
  order = torch.to(__torch__.tandem.optim.quantize.ordered(bounds), 4)
  # Before the positive ones come the negative ones.
  ascending = torch.sub(ends, torch.mul(torch.ge(ends, 1073741824), 2147483648))
  ascending_bounds = torch.sub(order, torch.mul(torch.lt(bounds, 0.), 2147483648))
  codes = torch.bucketize(ascending, ascending_bounds)
  inside = torch.sub(torch.index_select(ascending_bounds, 0, codes), ascending)
  carries = torch.sub(65535, torch.clamp(inside, None, 65535))
  return torch.to(torch.sub(torch.add(torch.bitwise_left_shift(codes, 16), carries), ends), 3)

# quotients [2, n] -> codes [2, n] uint8
def encode(maps: __torch__.tandem.optim.quantize.Maps, quotients: Tensor) -> Tensor:
  order = __torch__.tandem.optim.quantize.ordered(quotients)
  index = torch.add_(torch.bitwise_right_shift(order, 16), maps.moment, alpha=32768)
  entries = torch.view(torch.index_select(maps.table, 0, torch.view(index, [-1])), order.size())
  return torch.to(torch.bitwise_right_shift_(torch.add_(entries, order), 16), 0)

# -> [2, blocks, 256] float32; what lies beyond the last number is arbitrary.
def dequantize(self: __torch__.tandem.optim.quantize.Quantized) -> Tensor:
  blocks = self.absmax.size(1)
  missing = 256 * blocks - self.codes.size(1)
  codes = torch.constant_pad_nd(self.codes, [0, missing]) if missing > 0 else self.codes
  index = torch.add_(torch.to(codes, 3), self.maps.moment, alpha=256)
  x = torch.index_select(self.maps.values, 0, torch.view(index, [-1]))
  return torch.mul_(torch.view(x, [2, blocks, 256]), torch.unsqueeze(self.absmax, 2))

# Replaces the numbers by x [2, blocks, 256] if kept is 1, and leaves them if it is 0: [] uint8. The
# difference of two codes is modulo 256. Overwrites x.
def quantize_(self: __torch__.tandem.optim.quantize.Quantized, x: Tensor, kept: Tensor) -> None:
  n = self.codes.size(1)
  flat = torch.view(x, [2, -1])
  torch.zero_(flat[:, n:])
  absmax = torch.amax(torch.abs(x), [2])
  divisors = torch.masked_fill(absmax, torch.eq(absmax, 0.), 1.)
  torch.div_(x, torch.unsqueeze(divisors, 2))
  codes = __torch__.tandem.optim.quantize.encode(self.maps, flat)[:, :n]
  torch.copy_(self.absmax, torch.where(torch.gt(kept, 0), absmax, self.absmax))
  torch.add_(self.codes, torch.mul_(torch.sub_(codes, self.codes), kept))
