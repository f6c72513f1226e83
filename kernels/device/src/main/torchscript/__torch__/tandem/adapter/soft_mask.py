# PDP (Cho et al., 2023) on the ranks of an adapter that learns, its variant for channels: rank r counts
# m(r) times, where m(r) = sigmoid((e(r) / t^2 - 1) / temperature), e(r) = |s b_r a_r|^2 and t is halfway between
# the largest |s b_r a_r| that is to be pruned and the smallest that is to be kept, of all modules
# together. In the gradient t is a constant, m is not.

# |s b_r a_r|^2 [rank]; a [rank, in]
def energy(part: __torch__.tandem.adapter.low_rank.Part, a: Tensor) -> Tensor:
  squares = torch.mul(torch.sum(torch.mul(a, a), [1]), torch.sum(torch.mul(part.b, part.b), [1]))
  return torch.mul(squares, part.scaling * part.scaling)

# The part's rows of the bank's A.
def own_a(learner: __torch__.tandem.adapter.low_rank.Learner,
          part: __torch__.tandem.adapter.low_rank.Part) -> Tensor:
  return learner.a[part.row : part.row + part.rank]

# Makes the masks of all banks anew, so that so many ranks are to be pruned; 0 for none. Count when the
# banks are published next.
def mask_(learners: List[__torch__.tandem.adapter.low_rank.Learner], pruned: int,
          temperature: float) -> None:
  energies = annotate(List[Tensor], [])
  for learner in learners:
    for part in learner.parts:
      part.mask = annotate(Optional[Tensor], None)
      if pruned > 0:
        a = __torch__.tandem.adapter.soft_mask.own_a(learner, part)
        energies.append(__torch__.tandem.adapter.soft_mask.energy(part, a))
  if pruned > 0:
    sizes = torch.sqrt(torch.sort(torch.cat(energies))[0])
    t = torch.div(torch.add(sizes[pruned - 1], sizes[pruned]), 2.)
    square = torch.clamp(torch.mul(t, t), 1e-30)
    at = 0
    for learner in learners:
      for part in learner.parts:
        m = torch.sigmoid(torch.div(torch.sub(torch.div(energies[at], square), 1.), temperature))
        part.mask = m
        part.slope = torch.div(torch.sub(m, torch.mul(m, m)), torch.mul(square, temperature))
        at = at + 1

# Backward windows leave the gradients of A and of m B. From those to the gradients of A and B, on which
# m depends too. gradients [lanes, numbers]
def backward_(learner: __torch__.tandem.adapter.low_rank.Learner, gradients: Tensor) -> None:
  for part in learner.parts:
    mask = part.mask
    if mask is not None:
      a, b = __torch__.tandem.adapter.soft_mask.own_a(learner, part), part.b
      # de / d|a|^2 and de / d|b|^2, twice
      factor = torch.mul(part.slope, 2. * part.scaling * part.scaling)
      of_a = torch.mul(factor, torch.sum(torch.mul(b, b), [1]))
      of_b = torch.mul(factor, torch.sum(torch.mul(a, a), [1]))
      first = learner.at + part.row * a.size(1)
      for lane in torch.unbind(gradients):
        da = torch.view(lane[first : first + torch.numel(a)], a.size())
        db = torch.view(lane[part.at : part.at + torch.numel(b)], b.size())
        dm = torch.sum(torch.mul(b, db), [1])
        torch.add_(da, torch.mul(torch.unsqueeze(torch.mul(dm, of_a), 1), a))
        torch.mul_(db, torch.unsqueeze(mask, 1))
        torch.add_(db, torch.mul(torch.unsqueeze(torch.mul(dm, of_b), 1), b))
