# Block-wise dynamic quantization to 8 bits (Dettmers et al., 2022, "8-bit Optimizers via
# Block-wise Quantization"). Every block of 256 numbers is divided by its largest magnitude, and
# each quotient becomes the code of the nearest of 256 values. Those lie in seven decades below 1,
# each with twice as many values as the one below it.

# values [256] ascending; code i stands for the quotients in (bounds[i - 1], bounds[i]], bounds
# [256] ending with infinity.
# table [65536] uint8: what begins with the same 16 bits is an interval with one bound inside at
# most, so the code of the interval's lower end and one comparison make the code of a quotient. A
# binary search in the bounds takes ten times as long.
class Map:
  values : Tensor
  bounds : Tensor
  table : Tensor
  def __init__(self: __torch__.tandem.optim.quantize.Map, values: Tensor, bounds: Tensor,
               table: Tensor) -> None:
    self.values = values
    self.bounds = bounds
    self.table = table

# Numbers in 8 bits: codes [n] uint8, absmax [blocks] float32; the last block may be shorter.
class Quantized:
  map : __torch__.tandem.optim.quantize.Map
  codes : Tensor
  absmax : Tensor
  def __init__(self: __torch__.tandem.optim.quantize.Quantized,
               map: __torch__.tandem.optim.quantize.Map, codes: Tensor, absmax: Tensor) -> None:
    self.map = map
    self.codes = codes
    self.absmax = absmax

# For i from 0 to 6 the middles of 2^i equal cells of [0.1, 1], or of 2^(i + 1) without signs, times
# 10^(i - 6); with signs their negatives too; then 0 and 1.
def new_map(signed: bool, device: Device) -> __torch__.tandem.optim.quantize.Map:
  values = [torch.zeros([1], dtype=7, device=device), torch.ones([1], dtype=7, device=device)]
  for i in range(7):
    cells = (1 if signed else 2) << i
    cell = torch.add(torch.arange(cells, dtype=7, device=device), 0.5)
    decade = torch.mul(torch.add(torch.mul(cell, 0.9 / float(cells)), 0.1), 10. ** (i - 6))
    values.append(decade)
    if signed:
      values.append(torch.neg(decade))
  ascending = torch.to(torch.sort(torch.cat(values))[0], 6)
  middles = torch.div(torch.add(ascending[:-1], ascending[1:]), 2.)
  bounds = torch.cat([middles, torch.full([1], inf, device=device)])
  if signed:
    # Nothing negative becomes zero, so that signs survive. The smallest normal number, because a
    # processor may take smaller ones for zero.
    torch.fill_(bounds[126], -1.1754943508222875e-38)
  upper = torch.bitwise_left_shift(torch.arange(65536, dtype=3, device=device), 16)
  # of what is negative, the lower end is that of the largest magnitude
  ends = torch.where(torch.lt(upper, 0), torch.add(upper, 65535), upper)
  table = torch.bucketize(torch.view_copy(ends, dtype=6), bounds)
  return __torch__.tandem.optim.quantize.Map(ascending, bounds, torch.to(table, 0))

# quotients [n] -> codes [n] uint8
def encode(map: __torch__.tandem.optim.quantize.Map, quotients: Tensor) -> Tensor:
  bits = torch.bitwise_right_shift_(torch.view_copy(quotients, dtype=3), 16)
  codes = torch.index_select(map.table, 0, torch.bitwise_and_(bits, 65535))
  bounds = torch.index_select(map.bounds, 0, torch.to(codes, 3))
  return torch.add_(codes, torch.gt(quotients, bounds))

# x [n] -> [blocks, 256], filled up with zeros
def blocks(x: Tensor) -> Tensor:
  missing = (256 - x.size(0) % 256) % 256
  whole = torch.constant_pad_nd(x, [0, missing]) if missing > 0 else x
  return torch.view(whole, [-1, 256])

# -> [n] float32
def dequantize(self: __torch__.tandem.optim.quantize.Quantized) -> Tensor:
  quotients = torch.index_select(self.map.values, 0, torch.to(self.codes, 3))
  x = torch.mul_(__torch__.tandem.optim.quantize.blocks(quotients),
                 torch.unsqueeze(self.absmax, 1))
  return torch.view(x, [-1])[: self.codes.size(0)]

# Replaces the numbers by x [n] if kept is 1, and leaves them if it is 0: [] uint8. The difference of
# two codes is modulo 256.
def quantize_(self: __torch__.tandem.optim.quantize.Quantized, x: Tensor, kept: Tensor) -> None:
  rows = __torch__.tandem.optim.quantize.blocks(x)
  absmax = torch.amax(torch.abs(rows), [1])
  divisors = torch.masked_fill(absmax, torch.eq(absmax, 0.), 1.)
  quotients = torch.view(torch.div(rows, torch.unsqueeze(divisors, 1)), [-1])
  codes = __torch__.tandem.optim.quantize.encode(self.map, quotients[: x.size(0)])
  torch.copy_(self.absmax, torch.where(torch.gt(kept, 0), absmax, self.absmax))
  torch.add_(self.codes, torch.mul_(torch.sub_(codes, self.codes), kept))
