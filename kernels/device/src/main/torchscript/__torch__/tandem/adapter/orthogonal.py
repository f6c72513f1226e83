# A penalty that keeps the ranks of factors apart: |M M^T - I| of M = A and M = B^T, the norm over all entries.
# AdaLoRA (Zhang et al., 2023) adds it to the loss.

# Adds the penalty's gradient, 2 (M M^T - I) M / |M M^T - I|, times a factor. m [ranks, n], gradient: of its shape
def add_(m: Tensor, gradient: Tensor, factor: float) -> None:
  away = torch.sub(torch.matmul(m, torch.t(m)), torch.eye(m.size(0), device=m.device))
  scale = torch.div(2. * factor, torch.clamp(torch.linalg_vector_norm(away), 1e-12))
  torch.add_(gradient, torch.mul(torch.matmul(away, m), scale))

# Of all modules of a bank, the ranks in use. factor: the penalty's, in units of the sum of the losses.
def backward_(learner: __torch__.tandem.adapter.low_rank.Learner, factor: float) -> None:
  for part in learner.parts:
    last = part.row + part.used
    __torch__.tandem.adapter.orthogonal.add_(learner.a[part.row : last], learner.da[0][part.row : last],
                                             factor)
    __torch__.tandem.adapter.orthogonal.add_(part.b[: part.used], part.db[0][: part.used], factor)
