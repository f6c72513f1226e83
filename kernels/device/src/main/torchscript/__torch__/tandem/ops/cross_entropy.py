# -log softmax(logits)[label] of each row; logits [N, V] float32, labels [N].
# Returns the losses [N], whether the label is the most likely [N] and, if learn, the gradient of
# the losses' sum with respect to the logits. The logits' memory is used for everything of their
# size.
def forward_backward_(logits: Tensor, labels: Tensor, learn: bool) -> Tuple[Tensor, Tensor, Tensor]:
  index = torch.unsqueeze(labels, 1)
  most = torch.amax(logits, [1], True)
  of_label = torch.sub(torch.gather(logits, 1, index), most)
  exponentials = torch.exp_(torch.sub_(logits, most))
  total = torch.sum(exponentials, [1], True)
  losses = torch.squeeze(torch.sub(torch.log(total), of_label), 1)
  hits = torch.squeeze(torch.eq(of_label, 0), 1)
  if not learn:
    return (losses, hits, exponentials)
  dlogits = torch.div_(exponentials, total)
  minus_one = torch.full_like(index, -1, dtype=6)
  return (losses, hits, torch.scatter_add_(dlogits, 1, index, minus_one))
