# Weights of which few numbers are left, after factors were merged into them (PST, Li et al., 2022): y = Q x + b, where
# Q = M W', W' = W + U V, and M is one where the scores S = |W'| + A B + r + c are among the highest of the module,
# and zero elsewhere. Gradients pass M as if it were S, so dW' = dQ (M + |W'|) and dS = dQ W', number by number. Q is
# as in own_weight.py, and beside it are W' and whether each number is left.

# What one module of a bank learns.
class Part:
  column : int
  width : int
  # how many numbers are left out when Q is made next
  pruned : int
  # whether Q is rounded to float16, as weights are
  half : bool
  # views of the vector: U [width, rank], V [rank, in], A and B like these, r [width, 1], c [1, in]
  w : List[Tensor]
  # per lane their gradients
  dw : List[List[Tensor]]
  def __init__(self: __torch__.tandem.adapter.sparse.Part, column: int, width: int, pruned: int, half: bool,
               w: List[Tensor], dw: List[List[Tensor]]) -> None:
    self.column = column
    self.width = width
    self.pruned = pruned
    self.half = half
    self.w = w
    self.dw = dw

class Learner:
  parts : List[__torch__.tandem.adapter.sparse.Part]
  def __init__(self: __torch__.tandem.adapter.sparse.Learner) -> None:
    self.parts = annotate(List[__torch__.tandem.adapter.sparse.Part], [])

# counts: of each part of all banks, in their order, how many numbers are left out when Q is made next
def prune_(learners: List[__torch__.tandem.adapter.sparse.Learner], counts: List[int]) -> None:
  at = 0
  for learner in learners:
    for part in learner.parts:
      part.pruned = counts[at]
      at = at + 1

# Adds a product of factors, each number by the same roundings to float32 wherever that happens. left [n, rank], right
# [rank, in], to [n, in]
def add_(to: Tensor, left: Tensor, right: Tensor) -> None:
  for k in range(right.size(0)):
    torch.add_(to, torch.mul(left[:, k : k + 1], right[k : k + 1]))

# Makes Q of what was learned. W' and S are made of some outputs at a time, which stay in the cache, and whoever has
# W and the factors has the same numbers and the same threshold. Returns what is finite if all is. dense [out, in]: W
def publish_(self: __torch__.tandem.adapter.sparse.Learner,
             bank: __torch__.tandem.adapter.own_weight.Bank, dense: Tensor) -> List[Tensor]:
  if len(self.parts) == 0:
    return annotate(List[Tensor], [])
  extremes = annotate(List[Tensor], [])
  block = max(1, 65536 // dense.size(1))
  for part in self.parts:
    u, v, a, b, r, c = part.w
    end = part.column + part.width
    whole = torch.to(dense[part.column : end], 6, False, True)
    scores = torch.empty_like(whole)
    for first in range(0, part.width, block):
      last = min(first + block, part.width)
      rows, own = whole[first : last], scores[first : last]
      __torch__.tandem.adapter.sparse.add_(rows, u[first : last], v)
      torch.copy_(own, torch.abs(rows))
      __torch__.tandem.adapter.sparse.add_(own, a[first : last], b)
      torch.add_(own, torch.add(r[first : last], c))
    left = bank.more[1][part.column : end]
    torch.fill_(left, True)
    if part.pruned > 0:
      highest, place = torch.kthvalue(torch.reshape(scores, [-1]), part.pruned)
      torch.copy_(left, torch.gt(scores, highest))
    least, most = torch.aminmax(scores)
    extremes = extremes + [least, most]
    q = __torch__.tandem.adapter.own_weight.rounded(whole, part.half)
    torch.copy_(bank.more[0][part.column : end], q)
    torch.copy_(bank.weight[part.column : end], torch.masked_fill(q, torch.logical_not(left), 0.))
  return [bank.more[0], torch.stack(extremes)]

# Adds to the lane's gradients: x [n, in] the linear's input, dy [n, out] the gradient of its output.
def backward_learner_(self: __torch__.tandem.adapter.sparse.Learner,
                      bank: __torch__.tandem.adapter.own_weight.Bank, lane: int, x: Tensor,
                      dy: Tensor) -> None:
  for part in self.parts:
    u, v, a, b, r, c = part.w
    du, dv, da, db, dr, dc = part.dw[lane]
    end = part.column + part.width
    dq = torch.matmul(torch.t(torch.to(dy[:, part.column : end], 6)), torch.to(x, 6))
    whole = torch.to(bank.more[0][part.column : end], 6)
    ds = torch.mul(dq, whole)
    torch.mul_(dq, torch.add(torch.abs(whole), bank.more[1][part.column : end]))
    torch.add_(du, torch.matmul(dq, torch.t(v)))
    torch.add_(dv, torch.matmul(torch.t(u), dq))
    torch.add_(da, torch.matmul(ds, torch.t(b)))
    torch.add_(db, torch.matmul(torch.t(a), ds))
    torch.add_(dr, torch.sum(ds, [1], True))
    torch.add_(dc, torch.sum(ds, [0], True))
