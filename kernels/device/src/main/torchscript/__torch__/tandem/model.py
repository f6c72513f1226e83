# The frozen base model.
class Shape:
  layers : int
  hidden : int
  heads : int
  kv_heads : int
  head_dim : int
  # the gate's function, see ops/gated.py
  activation : int
  # of a mixture of experts, see experts.py: how many there are, how many a row goes through, and
  # whether their ratings are made to add up to one; 0 experts if the model has none
  experts : int
  active : int
  shared : bool
  # key heads that decode rows read as one, see ops/attention.py
  joined_heads : int
  # attention's scores are products times this; bounded by the cap, see ops/soft_cap.py, unless 0
  scale : float
  cap : float
  # factor on what attention and MLP add to the residual stream
  residual : float
  # factor on the logits, and their cap
  logits : float
  logit_cap : float
  # of norms, and what is added to their weights
  eps : float
  shift : float
  # sizes: layers, C, H, K, D, activation, experts, active, shared, joined
  # factors: eps, shift, scale, cap, residual, logits, logit cap
  def __init__(self: __torch__.tandem.model.Shape, sizes: List[int], factors: List[float]) -> None:
    layers, hidden, heads, kv_heads, head_dim, activation, experts, active, shared, joined = sizes
    self.layers = layers
    self.hidden = hidden
    self.heads = heads
    self.kv_heads = kv_heads
    self.head_dim = head_dim
    self.activation = activation
    self.experts = experts
    self.active = active
    self.shared = shared == 1
    self.joined_heads = joined
    eps, shift, scale, cap, residual, logits, logit_cap = factors
    self.eps = eps
    self.shift = shift
    self.logits = logits
    self.scale = scale
    self.cap = cap
    self.residual = residual
    self.logit_cap = logit_cap

# Norms that a layer does not have are absent: of attention's input and of its output, of the MLP's
# input and of its output, of queries and of keys.
class Layer:
  attention_norm : Optional[__torch__.tandem.ops.norm.Norm]
  after_attention : Optional[__torch__.tandem.ops.norm.Norm]
  mlp_norm : Optional[__torch__.tandem.ops.norm.Norm]
  after_mlp : Optional[__torch__.tandem.ops.norm.Norm]
  q_norm : Optional[__torch__.tandem.ops.norm.Norm]
  k_norm : Optional[__torch__.tandem.ops.norm.Norm]
  # see linears.py
  linears : List[__torch__.tandem.ops.linear.Linear]
  # number of the first one among those of all layers, see adapter/change.py
  bank : int
  # [E, C], if it has experts
  router : Optional[Tensor]
  # latest positions that a row attends to, 0 for all; which of the model's windows that is
  window : int
  mask : int
  # which of the model's rotary tables it uses
  rotary : int
  # norms: as above
  def __init__(self: __torch__.tandem.model.Layer,
               norms: List[Optional[__torch__.tandem.ops.norm.Norm]],
               linears: List[__torch__.tandem.ops.linear.Linear], bank: int,
               router: Optional[Tensor], window: int, mask: int, rotary: int) -> None:
    self.attention_norm = norms[0]
    self.after_attention = norms[1]
    self.mlp_norm = norms[2]
    self.after_mlp = norms[3]
    self.q_norm = norms[4]
    self.k_norm = norms[5]
    self.linears = linears
    self.bank = bank
    self.router = router
    self.window = window
    self.mask = mask
    self.rotary = rotary

# cos, sin: tables [positions, R] float32, see ops/rotary.py; windows: those of its layers, each once;
# embedding [V, C]; embedding_scale [1], if embeddings are multiplied by it.
class Model:
  shape : __torch__.tandem.model.Shape
  layers : List[__torch__.tandem.model.Layer]
  windows : List[int]
  embedding : Tensor
  embedding_scale : Optional[Tensor]
  norm : __torch__.tandem.ops.norm.Norm
  head : __torch__.tandem.ops.linear.Linear
  cos : List[Tensor]
  sin : List[Tensor]
  def __init__(self: __torch__.tandem.model.Model, shape: __torch__.tandem.model.Shape,
               windows: List[int], embedding: Tensor, embedding_scale: float,
               norm: __torch__.tandem.ops.norm.Norm, head: __torch__.tandem.ops.linear.Linear,
               cos: List[Tensor], sin: List[Tensor]) -> None:
    self.shape = shape
    self.layers = annotate(List[__torch__.tandem.model.Layer], [])
    self.windows = windows
    self.embedding = embedding
    self.embedding_scale = annotate(Optional[Tensor], None)
    if embedding_scale != 1.:
      self.embedding_scale = torch.full([1], embedding_scale, dtype=embedding.dtype,
                                        device=embedding.device)
    self.norm = norm
    self.head = head
    self.cos = cos
    self.sin = sin

# A norm of the model from what the file has of it; none if that is empty.
def new_norm(shape: __torch__.tandem.model.Shape, weight: Tensor,
             bias: Tensor) -> Optional[__torch__.tandem.ops.norm.Norm]:
  if torch.numel(weight) == 0:
    return None
  shifted = weight if shape.shift == 0. else torch.add(weight, shape.shift)
  if torch.numel(bias) == 0:
    return __torch__.tandem.ops.norm.Norm(shifted, None, shape.eps)
  return __torch__.tandem.ops.norm.Norm(shifted, bias, shape.eps)

# The last one. A factor on the logits is one on the rows that the head multiplies.
def final_norm(shape: __torch__.tandem.model.Shape, weight: Tensor,
               bias: Tensor) -> __torch__.tandem.ops.norm.Norm:
  norm = unchecked_cast(__torch__.tandem.ops.norm.Norm,
                        __torch__.tandem.model.new_norm(shape, weight, bias))
  if shape.logits != 1.:
    norm.weight = torch.mul(norm.weight, shape.logits)
    if torch.numel(bias) > 0:
      norm.bias = torch.mul(bias, shape.logits)
  return norm

# tokens [n] -> [n, C]; virtual: as in prompt.forward; groups, rows: as in full.embed
def embed(model: __torch__.tandem.model.Model, tokens: Tensor,
          prompts: __torch__.tandem.adapter.prompt.Prompts, virtual: Tensor,
          full: __torch__.tandem.adapter.full.Full, groups: List[int], rows: Tensor) -> Tensor:
  x = __torch__.tandem.adapter.full.embed(full, torch.embedding(model.embedding, tokens), tokens, groups, rows)
  x = __torch__.tandem.adapter.prompt.forward(prompts, x, virtual)
  scale = model.embedding_scale
  return x if scale is None else torch.mul(x, scale)

# x [n, C] -> [n, V] float32; head: [V, C], if it is not the model's own
def logits(model: __torch__.tandem.model.Model, x: Tensor, head: Optional[Tensor]) -> Tensor:
  padded = __torch__.tandem.ops.rows.pad(x, model.head.padded)
  normed = __torch__.tandem.ops.norm.forward(model.norm, padded)
  if head is None:
    scores = __torch__.tandem.ops.linear.forward(model.head, normed)
  else:
    scores = __torch__.tandem.adapter.full.product(head, normed)
  wide = torch.to(scores[: x.size(0)], 6)
  cap = model.shape.logit_cap
  return wide if cap == 0. else __torch__.tandem.ops.soft_cap.forward_(wide, cap)
