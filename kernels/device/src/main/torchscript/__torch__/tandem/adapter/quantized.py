# Weights that are quantized with step sizes that learn, after factors were merged into them (L4Q, Jeon et al., 2024):
# y = Q x + b, where Q = s round(clamp(v, low, high)) and v = (W + c B A) / s, with a step size s for each
# group of inputs of an output. Gradients pass rounding as if it were not there, and step sizes learn as in LSQ
# (Esser et al., 2020): dQ/ds = round(v) - v, or low or high where v is clamped. Q is as in own_weight.py, and beside
# it is dQ/ds [out, in]: at most a half where v is not clamped, at least one where it is.

# What one module of a bank learns.
class Part:
  column : int
  width : int
  group : int
  # codes are from -levels to levels - 1
  levels : float
  scaling : float
  # whether Q is rounded to float16, as weights are
  half : bool
  # views of the vector: A [rank, in], B [width, rank], s [width, in / group], and per lane their gradients
  a : Tensor
  b : Tensor
  s : Tensor
  da : List[Tensor]
  db : List[Tensor]
  ds : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.quantized.Part, place: List[int], scaling: float, half: bool,
               views: List[Tensor], da: List[Tensor], db: List[Tensor], ds: List[Tensor]) -> None:
    self.column = place[1]
    self.width = place[2]
    self.group = place[5]
    self.levels = 2. ** float(place[4] - 1)
    self.scaling = scaling
    self.half = half
    self.a = views[0]
    self.b = views[1]
    self.s = views[2]
    self.da = da
    self.db = db
    self.ds = ds

class Learner:
  parts : List[__torch__.tandem.adapter.quantized.Part]
  def __init__(self: __torch__.tandem.adapter.quantized.Learner) -> None:
    self.parts = annotate(List[__torch__.tandem.adapter.quantized.Part], [])

# Makes Q of what was learned: some outputs at a time, which stay in the cache. Each number is made by the same
# roundings to float32 wherever that happens, so whoever has W, A, B and s has the same codes. Returns what the slot has
# now. dense [out, in]: W
def publish_(self: __torch__.tandem.adapter.quantized.Learner,
             bank: __torch__.tandem.adapter.own_weight.Bank, dense: Tensor) -> List[Tensor]:
  block = max(1, 65536 // dense.size(1))
  for part in self.parts:
    factors = torch.mul(part.b, part.scaling)
    for first in range(0, part.width, block):
      end = min(first + block, part.width)
      rows = torch.to(dense[part.column + first : part.column + end], 6, False, True)
      for k in range(part.a.size(0)):
        torch.add_(rows, torch.mul(factors[first : end, k : k + 1], part.a[k : k + 1]))
      grouped = torch.view(rows, [end - first, -1, part.group])
      s = torch.unsqueeze(torch.clamp(part.s[first : end], 1e-8), 2)
      v = torch.div(grouped, s)
      clamped = torch.clamp(v, part.levels * -1., part.levels - 1.)
      codes = torch.round(clamped)
      rounded = torch.sub(codes, clamped)
      slope = torch.where(torch.eq(v, clamped), rounded, clamped)
      q = __torch__.tandem.adapter.own_weight.rounded(torch.view(torch.mul(codes, s), rows.size()), part.half)
      at = part.column + first
      torch.copy_(bank.weight[at : at + end - first], q)
      torch.copy_(bank.more[0][at : at + end - first], torch.view(slope, rows.size()))
  return [bank.weight] if len(self.parts) > 0 else annotate(List[Tensor], [])

# Adds to the lane's gradients: x [n, in] the linear's input, dy [n, out] the gradient of its output.
def backward_learner_(self: __torch__.tandem.adapter.quantized.Learner,
                      bank: __torch__.tandem.adapter.own_weight.Bank, lane: int, x: Tensor,
                      dy: Tensor) -> None:
  for part in self.parts:
    end = part.column + part.width
    dq = torch.matmul(torch.t(torch.to(dy[:, part.column : end], 6)), torch.to(x, 6))
    slope = torch.to(bank.more[0][part.column : end], 6)
    products = torch.view(torch.mul(dq, slope), [part.width, -1, part.group])
    torch.add_(part.ds[lane], torch.sum(products, [2]))
    torch.masked_fill_(dq, torch.gt(torch.abs(slope), 0.5), 0.)
    torch.add_(part.db[lane], torch.matmul(dq, torch.t(part.a)), alpha=part.scaling)
    torch.add_(part.da[lane], torch.matmul(torch.t(part.b), dq), alpha=part.scaling)
