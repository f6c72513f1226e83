# A weight that one who learns has of its own, in the place of a linear's: y = Q x + b. It depends on what learns
# alone, so it is made once a step and not in each window. Only the rows of the one who learns use it.

# A bank's weight, while somebody learns.
class Bank:
  # Q [out, in]
  weight : Tensor
  # what the method's backward pass needs beside it, of the same shape
  more : List[Tensor]
  # of how many outputs parts make it; the others keep the linear's
  covered : int
  def __init__(self: __torch__.tandem.adapter.own_weight.Bank, weight: Tensor,
               more: List[Tensor]) -> None:
    self.weight = weight
    self.more = more
    self.covered = 0

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

# Makes room for banks of so many outputs and inputs. like: of the type and on the device that Q gets; types: of what is
# kept beside it, as libtorch counts them
def occupy_(self: __torch__.tandem.adapter.own_weight.Weights, slot: int, outputs: List[int],
            inputs: List[int], like: Tensor, types: List[int]) -> None:
  banks = annotate(List[__torch__.tandem.adapter.own_weight.Bank], [])
  for bank in range(len(outputs)):
    sizes = [outputs[bank], inputs[bank]]
    more = [torch.zeros(sizes, dtype=type, device=like.device) for type in types]
    banks.append(__torch__.tandem.adapter.own_weight.Bank(
        torch.zeros(sizes, dtype=like.dtype, device=like.device), more))
  self.slots[slot] = banks

# A part makes this many outputs of the bank.
def cover_(self: __torch__.tandem.adapter.own_weight.Bank, outputs: int) -> None:
  self.covered = self.covered + outputs

# Before the parts make theirs. dense [out, in]: W
def keep_(self: __torch__.tandem.adapter.own_weight.Bank, dense: Tensor) -> None:
  if self.covered < dense.size(0):
    torch.copy_(self.weight, dense)

# Numbers of float32 as weights of the type of Q are rounded. half: whether to float16 first
def rounded(q: Tensor, half: bool) -> Tensor:
  return torch.to(torch.clamp(q, -65504., 65504.), 5) if half else q
