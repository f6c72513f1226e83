# Causal attention with grouped queries: H query heads share K key and value heads, G = H / K.
# Keys and values lie token by token, [tokens, K, D].

# One query token of each of B sequences. q [B, H, D]; keys, values [B, T, K, D] where only the
# first tokens count, as the additive mask [B, 1, 1, T] says. Returns [B, H D].
def decode(q: Tensor, keys: Tensor, values: Tensor, mask: Optional[Tensor]) -> Tensor:
  batch, heads, dim = q.size(0), q.size(1), q.size(2)
  kv_heads = keys.size(2)
  grouped = torch.reshape(q, [batch, kv_heads, heads // kv_heads, dim])
  o = torch.scaled_dot_product_attention(grouped, torch.transpose(keys, 1, 2),
                                         torch.transpose(values, 1, 2), mask)
  return torch.reshape(o, [batch, heads * dim])

# n query tokens of one sequence, the last of its T tokens. q [n, H, D]; keys, values [T, K, D].
# Returns [n, H D].
def prefill(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
  n, heads, dim = q.size(0), q.size(1), q.size(2)
  total, kv_heads = keys.size(0), keys.size(1)
  group = heads // kv_heads
  grouped = torch.permute(torch.reshape(q, [n, kv_heads, group, dim]), [1, 2, 0, 3])
  shape = [kv_heads, group, total, dim]
  k = torch.expand(torch.unsqueeze(torch.transpose(keys, 0, 1), 1), shape)
  v = torch.expand(torch.unsqueeze(torch.transpose(values, 0, 1), 1), shape)
  mask = annotate(Optional[Tensor], None)
  if n > 1 and n < total:
    mask = __torch__.tandem.ops.attention.causal_mask(n, total, q)
  o = torch.scaled_dot_product_attention(grouped, k, v, mask, 0., n > 1 and n == total)
  return torch.reshape(torch.permute(o, [2, 0, 1, 3]), [n, heads * dim])

# Additive mask [n, total] for the last n of total tokens.
def causal_mask(n: int, total: int, like: Tensor) -> Tensor:
  mask = torch.full([n, total], -inf, dtype=like.dtype, device=like.device)
  return torch.triu(mask, total - n + 1)

# do [n, H D] -> dq [n, H, D]; dkeys, dvalues [T, K, D] float32 are added to.
# q, keys, values as in prefill, o [n, H D] what it returned.
def backward_(do: Tensor, o: Tensor, q: Tensor, keys: Tensor, values: Tensor,
              dkeys: Tensor, dvalues: Tensor) -> Tensor:
  n, heads, dim = q.size(0), q.size(1), q.size(2)
  total, kv_heads = keys.size(0), keys.size(1)
  group = heads // kv_heads
  scale = dim ** -0.5
  # [K, G n, D]: the queries of a group are rows of one product
  rows = [kv_heads, group * n, dim]
  split = [n, kv_heads, group, dim]
  q_rows = torch.reshape(torch.permute(torch.reshape(torch.to(q, 6), split), [1, 2, 0, 3]), rows)
  do_wide = torch.to(do, 6)
  do_rows = torch.reshape(torch.permute(torch.reshape(do_wide, split), [1, 2, 0, 3]), rows)
  k = torch.transpose(torch.to(keys, 6), 0, 1)
  v = torch.transpose(torch.to(values, 6), 0, 1)
  scores = torch.mul_(torch.bmm(q_rows, torch.transpose(k, 1, 2)), scale)
  if n > 1:
    mask = __torch__.tandem.ops.attention.causal_mask(n, total, do_wide)
    scores = torch.view(torch.add_(torch.view(scores, [kv_heads, group, n, total]), mask),
                        [kv_heads, group * n, total])
  p = torch.softmax(scores, 2)
  torch.add_(dvalues, torch.transpose(torch.bmm(torch.transpose(p, 1, 2), do_rows), 0, 1))
  dp = torch.bmm(do_rows, torch.transpose(v, 1, 2))
  product = torch.sum(torch.reshape(torch.mul(do_wide, torch.to(o, 6)), split), [3])
  delta = torch.reshape(torch.permute(product, [1, 2, 0]), [kv_heads, group * n, 1])
  ds = torch.mul_(torch.mul_(torch.sub_(dp, delta), p), scale)
  torch.add_(dkeys, torch.transpose(torch.bmm(torch.transpose(ds, 1, 2), q_rows), 0, 1))
  dq = torch.reshape(torch.bmm(ds, k), [kv_heads, group, n, dim])
  return torch.to(torch.reshape(torch.permute(dq, [2, 0, 1, 3]), [n, heads, dim]), do.dtype)
