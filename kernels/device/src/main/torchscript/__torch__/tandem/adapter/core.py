# Factors with a core between them: y += s B C A x, where C is diagonal or full. Slots have it as factors A
# and s B C. So only what learns knows the core: it folds it when it publishes, and once before a step turns
# the gradients of the folded factors into those of its own parameters.

# What one module of a bank learns beside its factors. Of both only the ranks that the factors use count.
class Part:
  factors : __torch__.tandem.adapter.low_rank.Part
  # view: the diagonal [rank], or all of C in the order below [rank * rank]
  c : Tensor
  # of a full core, where its numbers are in c, [rank, rank] int64: for each rank its row up to the diagonal
  # and its column above that, so that more ranks add numbers behind; empty if it is diagonal
  order : Tensor
  # where B^T and C begin in the vector
  b_at : int
  c_at : int
  # how much the part matters [1] float32, of which importance measures; empty if nobody asks
  importance : Tensor
  def __init__(self: __torch__.tandem.adapter.core.Part,
               factors: __torch__.tandem.adapter.low_rank.Part, c: Tensor, order: Tensor, b_at: int,
               c_at: int, importance: Tensor) -> None:
    self.factors = factors
    self.c = c
    self.order = order
    self.b_at = b_at
    self.c_at = c_at
    self.importance = importance

class Learner:
  parts : List[__torch__.tandem.adapter.core.Part]
  def __init__(self: __torch__.tandem.adapter.core.Learner) -> None:
    self.parts = annotate(List[__torch__.tandem.adapter.core.Part], [])

def new_order(rank: int, device: Device) -> Tensor:
  columns = torch.arange(rank, dtype=4, device=device)
  rows = torch.unsqueeze(columns, 1)
  below = torch.add(torch.mul(rows, rows), columns)
  above = torch.add(torch.add(torch.mul(columns, columns), columns), torch.add(rows, 1))
  return torch.where(torch.ge(rows, columns), below, above)

# Where the numbers of the ranks in use are in c.
def used(self: __torch__.tandem.adapter.core.Part) -> Tensor:
  ranks = self.factors.used
  return torch.reshape(self.order[:ranks, :ranks], [-1])

# A full C of the ranks in use
def matrix(self: __torch__.tandem.adapter.core.Part) -> Tensor:
  ranks = self.factors.used
  return torch.view(torch.index_select(self.c, 0, __torch__.tandem.adapter.core.used(self)), [ranks, ranks])

# (B C)^T of the ranks in use [used, width]
def fold(self: __torch__.tandem.adapter.core.Part) -> Tensor:
  ranks = self.factors.used
  b = self.factors.b[:ranks]
  if torch.numel(self.order) == 0:
    return torch.mul(b, torch.unsqueeze(self.c[:ranks], 1))
  return torch.matmul(torch.t(__torch__.tandem.adapter.core.matrix(self)), b)

# After the factors alone were published. The importance of a full core is its norm.
def publish_(self: __torch__.tandem.adapter.core.Learner,
             low_rank: __torch__.tandem.adapter.low_rank.Adapters, slot: int, bank: int) -> None:
  for part in self.parts:
    factors = part.factors
    block = low_rank.b[bank][slot, factors.row : factors.row + factors.used,
                             factors.column : factors.column + factors.width]
    torch.copy_(block, torch.mul(__torch__.tandem.adapter.core.fold(part), factors.scaling))
    if torch.numel(part.importance) > 0 and torch.numel(part.order) > 0:
      torch.copy_(part.importance[0], torch.linalg_vector_norm(__torch__.tandem.adapter.core.matrix(part)))

# Backward windows leave the gradient of the folded F = (B C)^T in the place of that of B^T. gradients
# [lanes, numbers]
def backward_(self: __torch__.tandem.adapter.core.Learner, gradients: Tensor) -> None:
  for part in self.parts:
    ranks, width = part.factors.used, part.factors.width
    b, numbers = part.factors.b[:ranks], torch.numel(part.c)
    for lane in torch.unbind(gradients):
      df = torch.view(lane[part.b_at : part.b_at + ranks * width], [ranks, width])
      dc = lane[part.c_at : part.c_at + numbers]
      if torch.numel(part.order) == 0:
        torch.copy_(dc[:ranks], torch.sum(torch.mul(b, df), [1]))
        torch.mul_(df, torch.unsqueeze(part.c[:ranks], 1))
      else:
        of_c = torch.reshape(torch.matmul(b, torch.t(df)), [-1])
        torch.index_copy_(dc, 0, __torch__.tandem.adapter.core.used(part), of_c)
        torch.copy_(df, torch.matmul(__torch__.tandem.adapter.core.matrix(part), df))

# The importance of a diagonal core: of the change D and its gradient G, the sum of |D G| over the root of
# their size, up to the factor on the gradients. Before, the product is summed along each of D's rows, where
# its sum is that of B^T and its gradient, because G would take as much memory as W. From the gradients of
# the parameters [lanes, numbers].
def measure_(self: __torch__.tandem.adapter.core.Learner, inputs: int, gradients: Tensor) -> None:
  for part in self.parts:
    if torch.numel(part.importance) > 0 and torch.numel(part.order) == 0:
      b = part.factors.b
      all = torch.sum(gradients[:, part.b_at : part.b_at + torch.numel(b)], [0])
      rows = torch.sum(torch.mul(b, torch.view(all, b.size())), [0])
      size = float(inputs * part.factors.width)
      torch.copy_(part.importance[0], torch.div(torch.sum(torch.abs(rows)), size ** 0.5))
