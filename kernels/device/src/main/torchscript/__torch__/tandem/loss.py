# Loss of a fine-tuning window and its gradient with respect to the last layer's output, at once,
# so that no more than a chunk of logits is ever alive.

# hidden [n, C]: outputs of the last layer, with labels [n]; head: as in model.logits; wanted: logits of a
# teacher, if what it expects is learned instead of the labels. Returns what cross_entropy.forward_backward_ does,
# or forward_kl's, the gradient being that of logits before their cap.
def gradient(model: __torch__.tandem.model.Model, hidden: Tensor, head: Optional[Tensor],
             labels: Tensor, learn: bool, wanted: Optional[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
  logits = __torch__.tandem.model.logits(model, hidden, head)
  slope = annotate(Optional[Tensor], None)
  if learn and model.shape.logit_cap != 0.:
    slope = __torch__.tandem.ops.soft_cap.slope(logits, model.shape.logit_cap)
  if wanted is None:
    losses, hits, dlogits = __torch__.tandem.ops.cross_entropy.forward_backward_(logits, labels, learn)
  else:
    losses, hits, dlogits = __torch__.tandem.ops.forward_kl.forward_backward_(logits, wanted, labels, learn)
  if slope is not None:
    torch.mul_(dlogits, slope)
  return (losses, hits, dlogits)

# dlogits [n, V] -> the gradient of the head's input [n, C]
def head_backward(model: __torch__.tandem.model.Model, head: Optional[Tensor],
                  dlogits: Tensor) -> Tensor:
  if head is not None:
    return __torch__.tandem.adapter.full.product_backward(head, dlogits)
  padded = __torch__.tandem.ops.rows.pad(dlogits, model.head.padded)
  return __torch__.tandem.ops.linear.backward(model.head, padded)[: dlogits.size(0)]

# x [n, C] the window's rows, which start at row `start` of the arena; learned [2, m]: rows of the
# arena with a label, and the labels; learning: of how many of those, the first ones, the gradient is
# wanted; head: as in model.logits; teacher, taught: whether what it expects is learned instead of the labels.
# Returns [2, m] float32: the losses, and 1 where the label is the most likely, 0 elsewhere.
def forward_backward_(model: __torch__.tandem.model.Model, arena: __torch__.tandem.arena.Arena,
                      x: Tensor, start: int, learned: Tensor, learning: int, head: Optional[Tensor],
                      teacher: __torch__.tandem.teacher.Teacher, taught: bool) -> Tensor:
  torch.zero_(arena.dx[start : start + x.size(0)])
  scores = __torch__.tandem.loss.score_(model, arena, arena.dx, x, start, learned[:, :learning], True, head,
                                        teacher, taught)
  return torch.cat(scores + __torch__.tandem.loss.score_(model, arena, arena.dx, x, start, learned[:, learning:],
                                                         False, head, teacher, taught), 1)

# The same behind one of a recursive model's loops, but the last: leaves in the arena the gradient of what is drawn
# there, times the weight.
def exit_(model: __torch__.tandem.model.Model, arena: __torch__.tandem.arena.Arena, loop: int,
          x: Tensor, start: int, learned: Tensor, learning: int, head: Optional[Tensor],
          teacher: __torch__.tandem.teacher.Teacher, taught: bool, weight: float) -> None:
  own = arena.exits[loop][start : start + x.size(0)]
  torch.zero_(own)
  __torch__.tandem.loss.score_(model, arena, arena.exits[loop], x, start, learned[:, :learning], True, head, teacher,
                               taught)
  torch.mul_(own, weight)

# As forward_backward_, for tokens of which all or none need a gradient, chunk by chunk. dx [M, C]: where the gradient
# goes, by row of the arena. Returns [2, n] for each chunk.
def score_(model: __torch__.tandem.model.Model, arena: __torch__.tandem.arena.Arena, dx: Tensor, x: Tensor,
           start: int, learned: Tensor, learn: bool, head: Optional[Tensor],
           teacher: __torch__.tandem.teacher.Teacher, taught: bool) -> List[Tensor]:
  scores = annotate(List[Tensor], [torch.empty([2, 0], device=x.device)])
  count = learned.size(1)
  chunk = arena.chunk
  first = 0
  while first < count:
    rows = learned[0, first : first + chunk]
    hidden = torch.index_select(x, 0, torch.sub(rows, start))
    losses, hits, dlogits = __torch__.tandem.loss.gradient(
        model, hidden, head, learned[1, first : first + chunk], learn,
        __torch__.tandem.teacher.logits(teacher, rows, taught))
    scores.append(torch.stack([losses, torch.to(hits, 6)]))
    if learn:
      dnormed = __torch__.tandem.loss.head_backward(model, head, torch.to(dlogits, x.dtype))
      torch.index_copy_(dx, 0, rows, __torch__.tandem.ops.norm.backward(model.norm, dnormed, hidden))
    first = first + chunk
  return scores
