# What tells of an adapter that learns which of its modules and ranks matter (Light-PEFT, Gu et al.,
# 2024; SPT, He et al., 2023).

# Begins to compare outputs, or ends it.
def compare_outputs_(learners: List[__torch__.tandem.adapter.low_rank.Learner], on: bool) -> None:
  for learner in learners:
    for part in learner.parts:
      lanes = len(part.db) if on else 0
      part.compared = torch.zeros([lanes], device=part.b.device)

# Adds up over rows how much the bank's parts add to the output, against what the base gives: |s B A x| / |y|.
# x [n, in], y [n, out]
def compare_(self: __torch__.tandem.adapter.low_rank.Learner,
             adapters: __torch__.tandem.adapter.low_rank.Adapters, slot: int, bank: int, lane: int,
             x: Tensor, y: Tensor) -> None:
  for part in self.parts:
    rows, columns = part.row + part.rank, part.column + part.width
    u = torch.linear(x, adapters.a[bank][slot, part.row : rows])
    own = torch.matmul(u, adapters.b[bank][slot, part.row : rows, part.column : columns])
    ratios = torch.div(torch.linalg_vector_norm(torch.to(own, 6), 2, [1]),
                       torch.linalg_vector_norm(torch.to(y[:, part.column : columns], 6), 2, [1]))
    torch.add_(part.compared[lane], torch.sum(torch.nan_to_num(ratios, 0., 0., 0.)))

# Of each part, in the order of the banks: of each rank |mean of a da| + |mean of b db|, then what compare_ has added
# up since it was asked for last, then |db|^2 in / (s |A|)^2. gradients [lanes, numbers]
def take(learners: List[__torch__.tandem.adapter.low_rank.Learner], gradients: Tensor) -> Tensor:
  sum = torch.sum(gradients, [0])
  taken = annotate(List[Tensor], [])
  for learner in learners:
    for part in learner.parts:
      a = learner.a[part.row : part.row + part.rank]
      first = learner.at + part.row * a.size(1)
      da = torch.view(sum[first : first + torch.numel(a)], a.size())
      db = torch.view(sum[part.at : part.at + torch.numel(part.b)], part.b.size())
      taken.append(torch.add(torch.abs(torch.mean(torch.mul(a, da), [1])),
                             torch.abs(torch.mean(torch.mul(part.b, db), [1]))))
      taken.append(torch.sum(part.compared, [0], True))
      torch.zero_(part.compared)
      known = torch.mul(torch.sum(torch.mul(a, a)), part.scaling * part.scaling / float(a.size(1)))
      taken.append(torch.reshape(torch.div(torch.sum(torch.mul(db, db)), known), [1]))
  return torch.cat(taken)
