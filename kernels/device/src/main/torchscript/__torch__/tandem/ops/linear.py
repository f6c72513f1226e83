# A low-rank change of a weight that several layers share: of some of the outputs, x A^T B^T.
class Factors:
  # of all parts [R, in]
  a : Tensor
  # of each part [r, out]
  b : List[Tensor]
  # of each part its first output
  columns : List[int]
  def __init__(self: __torch__.tandem.ops.linear.Factors, a: Tensor, b: List[Tensor],
               columns: List[int]) -> None:
    self.a = a
    self.b = b
    self.columns = columns

# A frozen linear, forward(x) = x W^T + b, whose weight may be there in two forms: which of them is
# fastest depends on how many rows are multiplied.
class Linear:
  few : __torch__.tandem.ops.weight.weight.Forward
  # how many rows that one takes at most
  rows : int
  # takes all others, and goes backward
  many : __torch__.tandem.ops.weight.weight.Weight
  bias : Optional[Tensor]
  # whether products get rows of zeros in addition, see ops/rows.py
  padded : bool
  # the weight, if it computes gate and up at once
  gated : Optional[__torch__.tandem.ops.weight.packed.Packed]
  # what the layer's own weight has beside the shared one, if there is a shared one
  factors : Optional[__torch__.tandem.ops.linear.Factors]
  def __init__(self: __torch__.tandem.ops.linear.Linear,
               few: __torch__.tandem.ops.weight.weight.Forward, rows: int,
               many: __torch__.tandem.ops.weight.weight.Weight, bias: Optional[Tensor]) -> None:
    self.few = few
    self.rows = rows
    self.many = many
    self.bias = bias
    self.padded = False
    self.gated = annotate(Optional[__torch__.tandem.ops.weight.packed.Packed], None)
    self.factors = annotate(Optional[__torch__.tandem.ops.linear.Factors], None)

# How frozen weights lie in memory: the forms for few rows, up to how many, and for more.
class Forms:
  few : str
  rows : int
  many : str
  def __init__(self: __torch__.tandem.ops.linear.Forms, few: str, rows: int, many: str) -> None:
    self.few = few
    self.rows = rows
    self.many = many

# weight [out, in] and bias [out] in the type of activations; halves: whether the outputs are gate and
# up.
def new(weight: Tensor, bias: Optional[Tensor], forms: __torch__.tandem.ops.linear.Forms,
        halves: bool) -> __torch__.tandem.ops.linear.Linear:
  if forms.many == "packed":
    packed = __torch__.tandem.ops.weight.packed.Packed(weight, halves)
    linear = __torch__.tandem.ops.linear.Linear(packed, 0, packed, bias)
    linear.padded = True
    if halves:
      linear.gated = packed
    return linear
  if forms.many == "int8" or forms.many == "int4":
    return __torch__.tandem.ops.linear.quantized(weight, bias, forms)
  if forms.few == "plain":
    plain = __torch__.tandem.ops.weight.plain.Plain(weight)
    return __torch__.tandem.ops.linear.Linear(plain, 0, plain, bias)
  half = __torch__.tandem.ops.weight.half.Half(weight)
  if forms.many == "float16":
    return __torch__.tandem.ops.linear.Linear(half, 0, half, bias)
  return __torch__.tandem.ops.linear.Linear(half, forms.rows,
                                            __torch__.tandem.ops.weight.plain.Plain(weight), bias)

# Few rows are multiplied by the codes, more by what they stand for. Weights of which groups cannot be
# made have 8 bits instead of 4.
def quantized(weight: Tensor, bias: Optional[Tensor],
              forms: __torch__.tandem.ops.linear.Forms) -> __torch__.tandem.ops.linear.Linear:
  inputs = weight.size(1)
  if forms.many == "int4" and __torch__.tandem.ops.weight.four_bits.takes(inputs):
    four = __torch__.tandem.ops.weight.four_bits.FourBits(weight)
    return __torch__.tandem.ops.linear.Linear(
        four, forms.rows, __torch__.tandem.ops.weight.widened.Widened(four), bias)
  eight = __torch__.tandem.ops.weight.eight_bits.EightBits(weight)
  rows = forms.rows if __torch__.tandem.ops.weight.eight_bits.takes(inputs) else 0
  return __torch__.tandem.ops.linear.Linear(
      eight, rows, __torch__.tandem.ops.weight.widened.Widened(eight), bias)

# Another linear with the same weight, which takes no memory of its own.
def tied(other: __torch__.tandem.ops.linear.Linear,
         bias: Optional[Tensor]) -> __torch__.tandem.ops.linear.Linear:
  linear = __torch__.tandem.ops.linear.Linear(other.few, other.rows, other.many, bias)
  linear.padded = other.padded
  linear.gated = other.gated
  return linear

# a [r, in], b [out, r], columns: of each of the linears that were joined; empty where it has none.
def change_(self: __torch__.tandem.ops.linear.Linear, a: List[Tensor], b: List[Tensor],
            columns: List[int]) -> None:
  down = annotate(List[Tensor], [])
  up = annotate(List[Tensor], [])
  firsts = annotate(List[int], [])
  for i in range(len(a)):
    if torch.numel(a[i]) > 0:
      down.append(a[i])
      up.append(torch.contiguous(torch.t(b[i])))
      firsts.append(columns[i])
  if len(down) > 0:
    self.factors = __torch__.tandem.ops.linear.Factors(torch.cat(down), up, firsts)
    self.gated = annotate(Optional[__torch__.tandem.ops.weight.packed.Packed], None)

# [N, in] -> [N, out]
def forward(self: __torch__.tandem.ops.linear.Linear, x: Tensor) -> Tensor:
  return __torch__.tandem.ops.linear.add_product(self, x, self.bias)

# x W^T + bias of the weight alone, which several layers may share
def multiply(self: __torch__.tandem.ops.linear.Linear, x: Tensor, bias: Optional[Tensor]) -> Tensor:
  if x.size(0) <= self.rows:
    few = self.few
    return (few).forward(x, bias)
  many = self.many
  return (many).forward(x, bias)

# Adds to that product y what the layer has of its own.
def add_own_(self: __torch__.tandem.ops.linear.Linear, x: Tensor, y: Tensor) -> None:
  bias, factors = self.bias, self.factors
  if bias is not None:
    torch.add_(y, bias)
  if factors is not None:
    __torch__.tandem.ops.linear.add_factors_(factors, x, y)

# x W^T, without the bias
def product(self: __torch__.tandem.ops.linear.Linear, x: Tensor) -> Tensor:
  return __torch__.tandem.ops.linear.add_product(self, x, None)

def add_product(self: __torch__.tandem.ops.linear.Linear, x: Tensor,
                bias: Optional[Tensor]) -> Tensor:
  y = __torch__.tandem.ops.linear.multiply(self, x, bias)
  factors = self.factors
  if factors is not None:
    __torch__.tandem.ops.linear.add_factors_(factors, x, y)
  return y

def add_factors_(self: __torch__.tandem.ops.linear.Factors, x: Tensor, y: Tensor) -> None:
  u = torch.linear(x, self.a)
  row = 0
  for i in range(len(self.b)):
    b, column = self.b[i], self.columns[i]
    __torch__.tandem.ops.linear.add_matmul_(y[:, column : column + b.size(1)],
                                            u[:, row : row + b.size(0)], b)
    row = row + b.size(0)

# One operation in float32, where no product is rounded before it is added.
def add_matmul_(y: Tensor, left: Tensor, right: Tensor) -> None:
  if y.dtype == 6:
    torch.addmm_(y, left, right)
  else:
    torch.add_(y, torch.matmul(left, right))

def prepare_backward_(self: __torch__.tandem.ops.linear.Linear) -> None:
  many = self.many
  return (many).prepare_backward_()

# The weight [out, in], not to be changed.
def dense(self: __torch__.tandem.ops.linear.Linear) -> Tensor:
  many = self.many
  return (many).dense()

# dy [N, out] -> dx [N, in]
def backward(self: __torch__.tandem.ops.linear.Linear, dy: Tensor) -> Tensor:
  many = self.many
  dx = (many).backward(dy)
  factors = self.factors
  if factors is not None:
    parts = annotate(List[Tensor], [])
    for i in range(len(factors.b)):
      b, column = factors.b[i], factors.columns[i]
      parts.append(torch.matmul(dy[:, column : column + b.size(1)], torch.t(b)))
    __torch__.tandem.ops.linear.add_matmul_(dx, torch.cat(parts, 1), factors.a)
  return dx
