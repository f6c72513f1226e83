# KL(teacher || student) of each row's distributions, sum p_t (log p_t - log p_s), and whether the label is the
# student's most likely token; logits [N, V] float32. Returns the losses [N], the latter [N] and, if learn, the gradient
# of the losses' sum with respect to the student's logits, p_s - p_t.
def forward_backward_(logits: Tensor, taught: Tensor, labels: Tensor,
                      learn: bool) -> Tuple[Tensor, Tensor, Tensor]:
  own = torch.log_softmax(logits, 1)
  teacher = torch.log_softmax(taught, 1)
  wanted = torch.exp(teacher)
  losses = torch.sum(torch.mul(wanted, torch.sub(teacher, own)), [1])
  hits = torch.eq(torch.argmax(own, 1), labels)
  if not learn:
    return (losses, hits, own)
  return (losses, hits, torch.sub_(torch.exp_(own), wanted))
