# Attention of eight decode rows with a context of 256 tokens each, in the shape of a 135M model.
class AttentionTrial(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # numbers [8, 256, 3, 64] float32; joined as in ops/attention.py, 1 or 3. Returns the first output of
  # the last of so many calls.
  def decode(self: __torch__.tandem.attention_trial.AttentionTrial, numbers: Tensor, dtype: int,
             joined: int, calls: int) -> Tensor:
    keys = torch.to(numbers, dtype)
    q = torch.reshape(keys[:, :3], [8, 9, 64])
    mask = torch.zeros([8, 1, 1, 256], dtype=dtype, device=keys.device)
    places = torch.arange(8, device=keys.device)
    o = q
    for i in range(calls):
      o = __torch__.tandem.ops.attention.decode(q, keys, keys, joined, [0, 8, 256], 8, places, [mask], 0.125, 0.)
    return torch.to(o[0], 6)
