# The frozen base model.
class Shape:
  layers : int
  hidden : int
  heads : int
  kv_heads : int
  head_dim : int
  eps : float
  def __init__(self: __torch__.tandem.model.Shape, layers: int, hidden: int, heads: int,
               kv_heads: int, head_dim: int, eps: float) -> None:
    self.layers = layers
    self.hidden = hidden
    self.heads = heads
    self.kv_heads = kv_heads
    self.head_dim = head_dim
    self.eps = eps

class Layer:
  attention_norm : Tensor
  mlp_norm : Tensor
  q_norm : Optional[Tensor]
  k_norm : Optional[Tensor]
  linears : List[__torch__.tandem.ops.linear.Linear]
  def __init__(self: __torch__.tandem.model.Layer, attention_norm: Tensor, mlp_norm: Tensor,
               q_norm: Optional[Tensor], k_norm: Optional[Tensor],
               linears: List[__torch__.tandem.ops.linear.Linear]) -> None:
    self.attention_norm = attention_norm
    self.mlp_norm = mlp_norm
    self.q_norm = q_norm
    self.k_norm = k_norm
    self.linears = linears

# cos, sin [positions, D] float32, see ops/rotary.py; embedding [V, C]; norm [2 C], see
# ops/rms_norm.py, like all norms.
class Model:
  shape : __torch__.tandem.model.Shape
  layers : List[__torch__.tandem.model.Layer]
  embedding : Tensor
  norm : Tensor
  head : __torch__.tandem.ops.linear.Linear
  cos : Tensor
  sin : Tensor
  def __init__(self: __torch__.tandem.model.Model, shape: __torch__.tandem.model.Shape,
               embedding: Tensor, norm: Tensor, head: __torch__.tandem.ops.linear.Linear,
               cos: Tensor, sin: Tensor) -> None:
    self.shape = shape
    self.layers = annotate(List[__torch__.tandem.model.Layer], [])
    self.embedding = embedding
    self.norm = norm
    self.head = head
    self.cos = cos
    self.sin = sin

# x [n, C] -> [n, V] float32
def logits(model: __torch__.tandem.model.Model, x: Tensor) -> Tensor:
  padded = __torch__.tandem.ops.rows.pad(x, model.head.padded)
  normed = __torch__.tandem.ops.rms_norm.forward(padded, model.norm, model.shape.eps)
  scores = __torch__.tandem.ops.linear.forward(model.head, normed)
  return torch.to(scores[: x.size(0)], 6)
