# Sum of -log softmax(logits)[label]; logits [N, V] float32, labels [N].
# Returns the sum and its gradient with respect to the logits, which takes the logits' place.
def forward_backward_(logits: Tensor, labels: Tensor) -> Tuple[Tensor, Tensor]:
  index = torch.unsqueeze(labels, 1)
  norm = torch.logsumexp(logits, [1], True)
  loss = torch.sum(torch.sub(norm, torch.gather(logits, 1, index)))
  dlogits = torch.exp_(torch.sub_(logits, norm))
  minus_one = torch.full_like(index, -1, dtype=6)
  return (loss, torch.scatter_add_(dlogits, 1, index, minus_one))
