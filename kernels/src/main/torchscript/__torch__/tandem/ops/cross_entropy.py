# -log softmax(logits)[label] of each row; logits [N, V] float32, labels [N].
# Returns the losses [N] and, if learn, the gradient of their sum with respect to the logits, which
# takes the logits' place.
def forward_backward_(logits: Tensor, labels: Tensor, learn: bool) -> Tuple[Tensor, Tensor]:
  index = torch.unsqueeze(labels, 1)
  norm = torch.logsumexp(logits, [1], True)
  losses = torch.squeeze(torch.sub(norm, torch.gather(logits, 1, index)), 1)
  if not learn:
    return (losses, logits)
  dlogits = torch.exp_(torch.sub_(logits, norm))
  minus_one = torch.full_like(index, -1, dtype=6)
  return (losses, torch.scatter_add_(dlogits, 1, index, minus_one))
