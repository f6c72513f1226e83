# Operators that libtorch's meta device lacks outside of Python: shapes, types and devices of their
# results, and a look at where their arguments are.

# Whatever the sources make or move passes through this.
def here(x: Tensor) -> Tensor:
  assert x.is_meta, "a tensor outside of the model's device"
  return x

def all_here(tensors: List[Tensor]) -> None:
  for tensor in tensors:
    assert tensor.is_meta, "a tensor outside of the model's device"

# What host.read returns instead of values that no meta tensor has.
def read(x: Tensor) -> Tensor:
  return torch.zeros_like(__torch__.meta.kernels.here(x), device=torch.device("cpu"))

def index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
  __torch__.meta.kernels.all_here([x, index])
  assert dim == 0, "only rows are selected"
  return x[index]

def embedding(weight: Tensor, index: Tensor) -> Tensor:
  return __torch__.meta.kernels.index_select(weight, 0, index)

def layer_norm(x: Tensor, shape: List[int], weight: Tensor, bias: Optional[Tensor],
               eps: float) -> Tensor:
  __torch__.meta.kernels.all_here([x, weight])
  assert [x.size(-1)] == shape and list(weight.size()) == shape, "shapes of a norm"
  return torch.empty_like(x)

def native_layer_norm(x: Tensor, shape: List[int], weight: Tensor, bias: Optional[Tensor],
                      eps: float) -> Tuple[Tensor, Tensor, Tensor]:
  mean = torch.sum(x, [-1], True, dtype=6)
  y = __torch__.meta.kernels.layer_norm(x, shape, weight, bias, eps)
  return (y, mean, torch.empty_like(mean))

def native_layer_norm_backward(dy: Tensor, x: Tensor, shape: List[int], mean: Tensor, scale: Tensor,
                               weight: Tensor, bias: Optional[Tensor],
                               wanted: List[bool]) -> Tuple[Tensor, Tensor, Tensor]:
  __torch__.meta.kernels.all_here([dy, x, mean, scale, weight])
  assert list(dy.size()) == list(x.size()), "shapes of a norm's gradient"
  return (torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight))

def roll(x: Tensor, shifts: List[int], dims: List[int]) -> Tensor:
  return torch.empty_like(__torch__.meta.kernels.here(x))

def scaled_dot_product_attention(q: Tensor, k: Tensor, v: Tensor, mask: Optional[Tensor],
                                 dropout: float, causal: bool,
                                 scale: Optional[float]=None) -> Tensor:
  __torch__.meta.kernels.all_here([q, k, v])
  scores = torch.matmul(q, torch.transpose(k, -2, -1))
  if mask is not None:
    scores = torch.add(scores, __torch__.meta.kernels.here(mask))
  return torch.matmul(torch.to(scores, q.dtype), v)

# The sums of a table's rows, without the other results.
def embedding_bag(table: Tensor, indices: Tensor, starts: Tensor, scale_by_frequency: bool, mode: int,
                  sparse: bool, factors: Tensor, last: bool) -> List[Tensor]:
  __torch__.meta.kernels.all_here([table, indices, starts, factors])
  assert list(indices.size()) == list(factors.size()), "a factor for each row of the table"
  return [torch.empty([starts.size(0), table.size(1)], dtype=table.dtype, device=table.device)]

def searchsorted(sorted: Tensor, values: Tensor, right: bool) -> Tensor:
  __torch__.meta.kernels.all_here([sorted, values])
  return torch.empty_like(values, dtype=4)

def bucketize(x: Tensor, bounds: Tensor) -> Tensor:
  __torch__.meta.kernels.all_here([x, bounds])
  return torch.empty_like(x, dtype=4)

def abs(x: Tensor) -> Tensor:
  return torch.empty_like(__torch__.meta.kernels.here(x))

def abs_(x: Tensor) -> Tensor:
  return __torch__.meta.kernels.here(x)

def isfinite(x: Tensor) -> Tensor:
  return torch.empty_like(__torch__.meta.kernels.here(x), dtype=11)

def logical_not(x: Tensor) -> Tensor:
  return torch.empty_like(__torch__.meta.kernels.here(x), dtype=11)

def nan_to_num_(x: Tensor, nan: float, largest: float, least: float) -> Tensor:
  return __torch__.meta.kernels.here(x)

def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
  __torch__.meta.kernels.all_here([condition, x, y])
  return torch.add(torch.mul(x, condition), y)

def _fused_adam_(w: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor],
                 most: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float,
                 weight_decay: float, eps: float, amsgrad: bool, maximize: bool,
                 found_inf: Tensor) -> None:
  __torch__.meta.kernels.all_here(w + g + m + v + most + steps + [found_inf])

def _fused_adamw_(w: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor],
                  most: List[Tensor], steps: List[Tensor], lr: float, beta1: float, beta2: float,
                  weight_decay: float, eps: float, amsgrad: bool, maximize: bool,
                  found_inf: Tensor) -> None:
  __torch__.meta.kernels.all_here(w + g + m + v + most + steps + [found_inf])
