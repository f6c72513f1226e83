# Modules that adapters have in full (PEFT's modules_to_save): an embedding or a head [V, C] in the place of
# the model's own. Rows of such an adapter are looked up in its embedding, and multiplied with its head.
class Full:
  # of each adapter slot, without rows if it has none
  embeddings : List[Tensor]
  heads : List[Tensor]
  # whether they are from those to spare, and not a trainee's own
  lent : List[bool]
  spare : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.full.Full, slots: int, count: int,
               like: Tensor) -> None:
    self.embeddings = [like[:0] for slot in range(slots)]
    self.heads = [like[:0] for slot in range(slots)]
    self.lent = [False for slot in range(slots)]
    self.spare = [torch.zeros(like.size(), dtype=like.dtype, device=like.device)
                  for i in range(count)]

# Whatever the slot has is to spare again, or gone if it was a trainee's own.
def clear_(self: __torch__.tandem.adapter.full.Full, slot: int) -> None:
  for matrix in [self.embeddings[slot], self.heads[slot]]:
    if self.lent[slot] and matrix.size(0) > 0:
      self.spare.append(matrix)
  self.embeddings[slot] = self.embeddings[slot][:0]
  self.heads[slot] = self.heads[slot][:0]
  self.lent[slot] = False

def occupy_(self: __torch__.tandem.adapter.full.Full, slot: int, head: bool, matrix: Tensor) -> None:
  if head:
    self.heads[slot] = matrix
  else:
    self.embeddings[slot] = matrix

# places: of each matrix [V, C] float32 on any device, 1 if it is a head; the slot has none
def put_(self: __torch__.tandem.adapter.full.Full, slot: int, places: List[int],
         matrices: List[Tensor]) -> None:
  self.lent[slot] = True
  for i in range(len(places)):
    matrix = self.spare.pop()
    torch.copy_(matrix, matrices[i])
    __torch__.tandem.adapter.full.occupy_(self, slot, places[i] == 1, matrix)

# groups: two numbers each, a slot and the end of its rows among `rows`, those of x that have an embedding
# of their adapter's. x [N, C] the embeddings of all rows' tokens [N] -> x
def embed(self: __torch__.tandem.adapter.full.Full, x: Tensor, tokens: Tensor, groups: List[int],
          rows: Tensor) -> Tensor:
  first = 0
  for i in range(len(groups) // 2):
    slot, end = groups[2 * i : 2 * i + 2]
    own = rows[first : end]
    x = torch.index_copy(x, 0, own, torch.embedding(self.embeddings[slot],
                                                    torch.index_select(tokens, 0, own)))
    first = end
  return x

# The slot's head, or none for the model's own
def head(self: __torch__.tandem.adapter.full.Full, slot: int) -> Optional[Tensor]:
  own = annotate(Optional[Tensor], None)
  if slot >= 0:
    own = self.heads[slot]
  return own

# x [n, C], head [V, C] -> [n, V]
def product(head: Tensor, x: Tensor) -> Tensor:
  padded = __torch__.tandem.ops.rows.pad(x, x.dtype != 6)
  return torch.linear(padded, head)[: x.size(0)]

# dy [n, V] -> [n, C]
def product_backward(head: Tensor, dy: Tensor) -> Tensor:
  padded = __torch__.tandem.ops.rows.pad(dy, dy.dtype != 6)
  return torch.matmul(padded, head)[: dy.size(0)]

# x [S, C] -> [S, V] float32. groups, rows: as in embed, of all rows if any has a head of its adapter's; slot
# -1 for those that have not
def logits(self: __torch__.tandem.adapter.full.Full, model: __torch__.tandem.model.Model, x: Tensor,
           groups: List[int], rows: Tensor) -> Tensor:
  if len(groups) == 0:
    return __torch__.tandem.model.logits(model, x, None)
  all = torch.empty([x.size(0), model.embedding.size(0)], device=x.device)
  first = 0
  for i in range(len(groups) // 2):
    slot, end = groups[2 * i : 2 * i + 2]
    own = rows[first : end]
    torch.index_copy_(all, 0, own, __torch__.tandem.model.logits(
        model, torch.index_select(x, 0, own), __torch__.tandem.adapter.full.head(self, slot)))
    first = end
  return all

# What a trainee learns.
class Learner:
  # views of its vector, [V, C], without rows if it has none, and per lane their gradients
  embedding : Tensor
  dembedding : List[Tensor]
  head : Tensor
  dhead : List[Tensor]
  # what the slot has of them
  copies : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.full.Learner, none: Tensor) -> None:
    self.embedding = none
    self.dembedding = annotate(List[Tensor], [])
    self.head = none
    self.dhead = annotate(List[Tensor], [])
    self.copies = annotate(List[Tensor], [])

# w: one of them as views of the trainee's vector, dw: the same of every lane's gradients
def learn_(self: __torch__.tandem.adapter.full.Learner, full: __torch__.tandem.adapter.full.Full,
           slot: int, head: bool, w: Tensor, dw: List[Tensor], like: Tensor) -> None:
  copy = torch.empty(w.size(), dtype=like.dtype, device=like.device)
  self.copies.append(copy)
  __torch__.tandem.adapter.full.occupy_(full, slot, head, copy)
  if head:
    self.head = w
    self.dhead = dw
  else:
    self.embedding = w
    self.dembedding = dw

# learned: rows of the arena with a label that go backward in the last layer now, then the labels. Their logits
# are computed once more: what factors their losses get is only known behind the last window that goes forward.
# teacher, taught: as in loss.forward_backward_
def backward_head_(self: __torch__.tandem.adapter.full.Learner, lane: int,
                   full: __torch__.tandem.adapter.full.Full, slot: int,
                   model: __torch__.tandem.model.Model, arena: __torch__.tandem.arena.Arena,
                   learned: List[int], teacher: __torch__.tandem.teacher.Teacher, taught: bool) -> None:
  count = len(learned) // 2
  numbers = torch.tensor(learned, dtype=4, device=arena.dx.device)
  first = 0
  while first < count:
    end = min(first + arena.chunk, count)
    rows = numbers[first : end]
    hidden = torch.index_select(arena.last, 0, rows)
    losses, hits, dlogits = __torch__.tandem.loss.gradient(
        model, hidden, full.heads[slot], numbers[count + first : count + end], True,
        __torch__.tandem.teacher.logits(teacher, rows, taught))
    torch.mul_(dlogits, torch.index_select(arena.factors, 0, rows))
    normed = __torch__.tandem.ops.norm.forward(model.norm, hidden)
    torch.addmm_(self.dhead[lane], torch.t(dlogits), torch.to(normed, 6))
    first = end

# dx [M, C] float32: of the arena's rows, the gradient of what comes into the first layer. embedded: rows of a
# token in which that is complete now, then the tokens; scale: the model's, on embeddings
def backward_embedding_(self: __torch__.tandem.adapter.full.Learner, lane: int, dx: Tensor,
                        embedded: List[int], scale: Optional[Tensor]) -> None:
  count = len(embedded) // 2
  if count > 0:
    numbers = torch.tensor(embedded, dtype=4, device=dx.device)
    rows = torch.index_select(dx, 0, numbers[:count])
    torch.index_add_(self.dembedding[lane], 0, numbers[count:],
                     rows if scale is None else torch.mul(rows, scale))

# Copies what was learned into the adapter's slot. Returns what the slot has now.
def publish_(self: __torch__.tandem.adapter.full.Learner, full: __torch__.tandem.adapter.full.Full,
             slot: int) -> List[Tensor]:
  published = annotate(List[Tensor], [])
  if self.embedding.size(0) > 0:
    torch.copy_(full.embeddings[slot], self.embedding)
    published.append(full.embeddings[slot])
  if self.head.size(0) > 0:
    torch.copy_(full.heads[slot], self.head)
    published.append(full.heads[slot])
  return published
