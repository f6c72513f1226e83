# A weight that one who learns has of its own, in the place of a linear's: y = Q x + b. It depends on what learns
# alone, so it is made once a step and not in each window. Only the rows of the one who learns use it.

# A bank's weight, while somebody learns.
class Bank:
  # Q [out, in]
  weight : Tensor
  # what the method's backward pass needs beside it, of the same shape
  more : List[Tensor]
  def __init__(self: __torch__.tandem.adapter.own_weight.Bank, weight: Tensor,
               more: List[Tensor]) -> None:
    self.weight = weight
    self.more = more

class Weights:
  # per slot: of each bank; empty list if nobody learns there like this
  slots : List[List[__torch__.tandem.adapter.own_weight.Bank]]
  def __init__(self: __torch__.tandem.adapter.own_weight.Weights, slots: int) -> None:
    self.slots = annotate(List[List[__torch__.tandem.adapter.own_weight.Bank]], [])
    for slot in range(slots):
      self.slots.append(annotate(List[__torch__.tandem.adapter.own_weight.Bank], []))

def clear_(self: __torch__.tandem.adapter.own_weight.Weights, slot: int) -> None:
  self.slots[slot] = annotate(List[__torch__.tandem.adapter.own_weight.Bank], [])

# The rows of a batch from first on use what is in the slot; none do if that is -1.
class Users:
  slot : int
  first : int
  def __init__(self: __torch__.tandem.adapter.own_weight.Users, slot: int, first: int) -> None:
    self.slot = slot
    self.first = first

# x [n, in] -> [n, out]
def product(self: __torch__.tandem.adapter.own_weight.Bank,
            linear: __torch__.tandem.ops.linear.Linear, x: Tensor) -> Tensor:
  padded = __torch__.tandem.ops.rows.pad(x, linear.padded)
  return torch.linear(padded, self.weight, linear.bias)[: x.size(0)]

# The linear x W^T + b, or for some of the rows with their own weight. x [N, in] -> [N, out]
def forward(self: __torch__.tandem.adapter.own_weight.Weights,
            users: __torch__.tandem.adapter.own_weight.Users, bank: int,
            linear: __torch__.tandem.ops.linear.Linear, x: Tensor) -> Tensor:
  own = __torch__.tandem.adapter.own_weight.product(self.slots[users.slot][bank], linear,
                                                   x[users.first :])
  if users.first == 0:
    return own
  others = __torch__.tandem.ops.rows.pad(x[: users.first], linear.padded)
  y = __torch__.tandem.ops.linear.forward(linear, others)
  return torch.cat([y[: users.first], own])

# Room for a bank of so many outputs and inputs. like: of the type and on the device that Q gets; types: of what is kept
# beside it, as libtorch counts them
def room(outputs: int, inputs: int, like: Tensor,
         types: List[int]) -> __torch__.tandem.adapter.own_weight.Bank:
  more = [torch.zeros([outputs, inputs], dtype=type, device=like.device) for type in types]
  return __torch__.tandem.adapter.own_weight.Bank(
      torch.zeros([outputs, inputs], dtype=like.dtype, device=like.device), more)

# Before parts of a bank with so many outputs together make theirs: the others keep the linear's. dense [out, in]: W
def keep_(self: __torch__.tandem.adapter.own_weight.Bank, covered: int, dense: Tensor) -> None:
  if covered < dense.size(0):
    torch.copy_(self.weight, dense)

# Numbers of float32 as weights of the type of Q are rounded. half: whether to float16 first
def rounded(q: Tensor, half: bool) -> Tensor:
  return torch.to(torch.clamp(q, -65504., 65504.), 5) if half else q
