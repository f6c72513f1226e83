# Singular values that learn between singular vectors that do not: y += U diag(d) V^T x, where d is what the values have
# changed by. Slots have it as factors V^T and d U^T.

# What one module of a bank learns. V^T is in the trainee's slot already.
class Part:
  # rows of the bank's joined rank, columns of the bank's output
  row : int
  rank : int
  column : int
  width : int
  # U^T [rank, width] of the slot's type
  u : Tensor
  # view: d [rank], and per lane its gradient
  w : Tensor
  dw : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.singular.Part, place: List[int], u: Tensor, w: Tensor,
               dw: List[Tensor]) -> None:
    self.row = place[0]
    self.rank = place[1]
    self.column = place[2]
    self.width = place[3]
    self.u = u
    self.w = w
    self.dw = dw

class Learner:
  parts : List[__torch__.tandem.adapter.singular.Part]
  def __init__(self: __torch__.tandem.adapter.singular.Learner) -> None:
    self.parts = annotate(List[__torch__.tandem.adapter.singular.Part], [])

# Returns what the slot has now.
def publish_(self: __torch__.tandem.adapter.singular.Learner,
             low_rank: __torch__.tandem.adapter.low_rank.Adapters, slot: int, bank: int) -> List[Tensor]:
  published = annotate(List[Tensor], [])
  for part in self.parts:
    block = low_rank.b[bank][slot, part.row : part.row + part.rank, part.column : part.column + part.width]
    torch.copy_(block, torch.mul(torch.to(part.u, 6), torch.unsqueeze(part.w, 1)))
    published.append(block)
  return published

# Adds to the lane's gradient: x [n, in] the linear's input, dy [n, out] the gradient of its output.
def backward_learner_(self: __torch__.tandem.adapter.singular.Learner, lane: int,
                      low_rank: __torch__.tandem.adapter.low_rank.Adapters, slot: int, bank: int,
                      x: Tensor, dy: Tensor) -> None:
  for part in self.parts:
    along = torch.linear(x, low_rank.a[bank][slot, part.row : part.row + part.rank])
    back = torch.linear(dy[:, part.column : part.column + part.width], part.u)
    torch.add_(part.dw[lane], torch.sum(torch.mul(torch.to(along, 6), torch.to(back, 6)), [0]))
