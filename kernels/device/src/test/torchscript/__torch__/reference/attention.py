# Lets tests call ops/attention.py by itself.
class Attention(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # q [3, H, D], keys and values [4, T, K, D]: three decode rows in four neighbouring slots -> [3, H D]
  def decode(self: __torch__.reference.attention.Attention, q: Tensor, keys: Tensor, values: Tensor,
             joined: int) -> Tensor:
    mask = torch.zeros([4, 1, 1, keys.size(1)])
    return __torch__.tandem.ops.attention.decode(q, keys, values, joined, [0, 4, keys.size(1)], 4,
                                                 torch.tensor([0, 2, 3]), [mask], 0.5, 0.)
