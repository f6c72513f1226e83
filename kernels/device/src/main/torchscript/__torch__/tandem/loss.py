# Loss of a fine-tuning window and its gradient with respect to the last layer's output, at once,
# so that no more than a chunk of logits is ever alive.
# x [n, C] the window's rows, which start at row `start` of the arena; learned [2, m]: rows of the
# arena with a label, and the labels; learn: whether the gradient is wanted. Returns [2, m]
# float32: the losses, and 1 where the label is the most likely, 0 elsewhere. taught: the same rows of the teacher, if
# its distribution is learned instead of the labels.
def forward_backward_(model: __torch__.tandem.model.Model, arena: __torch__.tandem.arena.Arena,
                      x: Tensor, start: int, learned: Tensor, learn: bool,
                      teacher: __torch__.tandem.teacher.Teacher, taught: Optional[Tensor]) -> Tensor:
  scores = annotate(List[Tensor], [torch.empty([2, 0], device=x.device)])
  torch.zero_(arena.dx[start : start + x.size(0)])
  count = learned.size(1)
  chunk = arena.chunk
  first = 0
  while first < count:
    rows = learned[0, first : first + chunk]
    hidden = torch.index_select(x, 0, torch.sub(rows, start))
    logits = __torch__.tandem.model.logits(model, hidden)
    slope = annotate(Optional[Tensor], None)
    if learn and model.shape.logit_cap != 0.:
      slope = __torch__.tandem.ops.soft_cap.slope(logits, model.shape.logit_cap)
    labels = learned[1, first : first + chunk]
    if taught is None:
      losses, hits, dlogits = __torch__.tandem.ops.cross_entropy.forward_backward_(logits, labels, learn)
    else:
      wanted = __torch__.tandem.model.logits(
          teacher.models[0], torch.index_select(taught, 0, torch.sub(rows, start)))
      losses, hits, dlogits = __torch__.tandem.ops.forward_kl.forward_backward_(logits, wanted, labels,
                                                                                learn)
    scores.append(torch.stack([losses, torch.to(hits, 6)]))
    if learn:
      if slope is not None:
        torch.mul_(dlogits, slope)
      padded = __torch__.tandem.ops.rows.pad(torch.to(dlogits, x.dtype), model.head.padded)
      dnormed = __torch__.tandem.ops.linear.backward(model.head, padded)[: hidden.size(0)]
      dx = __torch__.tandem.ops.norm.backward(model.norm, dnormed, hidden)
      torch.index_copy_(arena.dx, 0, rows, dx)
    first = first + chunk
  return torch.cat(scores, 1)
