# Attention of eight decode rows with a context of 256 tokens each, in the shape of a 135M model.
class AttentionTrial(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # joined as in ops/attention.py, 1 or 3. Returns the first output of the last of so many calls.
  def decode(self: __torch__.tandem.attention_trial.AttentionTrial, dtype: int, joined: int,
             calls: int) -> Tensor:
    q = torch.ones([8, 9, 64], dtype=dtype)
    keys = torch.ones([8, 256, 3, 64], dtype=dtype)
    mask = torch.zeros([8, 1, 1, 256], dtype=dtype)
    o = q
    for i in range(calls):
      o = __torch__.tandem.ops.attention.decode(q, keys, keys, joined, [0, 8, 256], 8,
                                                torch.arange(8), [mask])
    return torch.to(o[0], 6)
