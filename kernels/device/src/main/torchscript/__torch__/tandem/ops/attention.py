# Causal attention with grouped queries: H query heads share K key and value heads, G = H / K.
# Keys and values lie token by token, [tokens, K, D]. Scores are products times the scale, bounded by
# the cap as in soft_cap.py unless it is 0; a query attends to the latest `window` tokens, its own
# included, or to all if that is 0.

# One query token of each of B sequences, which sit in groups of neighbouring KV slots. q [B, H, D];
# keys, values [slots of the cache, capacity, K, D]; groups, slots, places [B] and masks as in Batch.
# joined: how many key heads are read as one, of J D numbers: a product may copy the keys first, and
# rows of J heads that lie together are copied faster than those of one. The queries of a head have
# zeros where the others are. Returns [B, H D].
def decode(q: Tensor, keys: Tensor, values: Tensor, joined: int, groups: List[int], slots: int,
           places: Tensor, masks: List[Tensor], scale: float, cap: float) -> Tensor:
  batch, heads, dim = q.size(0), q.size(1), q.size(2)
  kv_heads = keys.size(2)
  rest, group = kv_heads // joined, heads // kv_heads
  apart = torch.permute(torch.reshape(q, [batch, rest, joined, group, dim]), [0, 1, 3, 4, 2])
  wide = torch.reshape(torch.diag_embed(apart, 0, 2, 4),
                       [batch, rest, joined * group, joined * dim])
  spread = slots > batch
  if spread:
    all = torch.zeros([slots, rest, joined * group, joined * dim], dtype=q.dtype,
                      device=q.device)
    wide = torch.index_copy_(all, 0, places, wide)
  shape = [keys.size(0), keys.size(1), rest, joined * dim]
  k = torch.transpose(torch.view(keys, shape), 1, 2)
  v = torch.transpose(torch.view(values, shape), 1, 2)
  outputs = annotate(List[Tensor], [])
  at = 0
  for i in range(len(masks)):
    slot, span, longest = groups[3 * i : 3 * i + 3]
    outputs.append(__torch__.tandem.ops.attention.attend(
        wide[at : at + span], k[slot : slot + span, :, :longest],
        v[slot : slot + span, :, :longest], masks[i], False, scale, cap))
    at = at + span
  o = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
  if spread:
    o = torch.index_select(o, 0, places)
  each = torch.diagonal(torch.view(o, [batch, rest, joined, group, joined, dim]), 0, 2, 4)
  return torch.reshape(torch.permute(each, [0, 1, 4, 2, 3]), [batch, heads * dim])

# q [..., n, D], k and v [..., T, D]; mask: additive, for the scores. causal: of n = T tokens.
def attend(q: Tensor, k: Tensor, v: Tensor, mask: Optional[Tensor], causal: bool, scale: float,
           cap: float) -> Tensor:
  if cap == 0.:
    return torch.scaled_dot_product_attention(q, k, v, mask, 0., causal, scale=scale)
  scores = torch.mul(torch.to(torch.matmul(q, torch.transpose(k, -2, -1)), 6), scale)
  scores = __torch__.tandem.ops.soft_cap.forward_(scores, cap)
  if mask is not None:
    torch.add_(scores, mask)
  return torch.matmul(torch.to(torch.softmax(scores, -1), v.dtype), v)

# n query tokens of one sequence, the last of its T tokens. q [n, H, D]; keys, values [T, K, D].
# Returns [n, H D].
def prefill(q: Tensor, keys: Tensor, values: Tensor, scale: float, window: int,
            cap: float) -> Tensor:
  n, heads, dim = q.size(0), q.size(1), q.size(2)
  unseen = __torch__.tandem.ops.attention.unseen(keys.size(0) - n, window)
  if unseen > 0:
    keys, values = keys[unseen:], values[unseen:]
  total, kv_heads = keys.size(0), keys.size(1)
  group = heads // kv_heads
  grouped = torch.permute(torch.reshape(q, [n, kv_heads, group, dim]), [1, 2, 0, 3])
  shape = [kv_heads, group, total, dim]
  k = torch.expand(torch.unsqueeze(torch.transpose(keys, 0, 1), 1), shape)
  v = torch.expand(torch.unsqueeze(torch.transpose(values, 0, 1), 1), shape)
  narrow = window > 0 and total > window
  mask = annotate(Optional[Tensor], None)
  if n > 1 and (n < total or narrow or cap != 0.):
    mask = __torch__.tandem.ops.attention.causal_mask(n, total, q)
    if narrow:
      torch.add_(mask, __torch__.tandem.ops.attention.past_mask(n, total, window, q))
  o = __torch__.tandem.ops.attention.attend(grouped, k, v, mask, n > 1 and mask is None, scale, cap)
  return torch.reshape(torch.permute(o, [2, 0, 1, 3]), [n, heads * dim])

# How many of the first tokens a query after `before` tokens and all later ones do not attend to.
def unseen(before: int, window: int) -> int:
  return max(0, before + 1 - window) if window > 0 else 0

# Additive mask [n, total] for the last n of total tokens.
def causal_mask(n: int, total: int, like: Tensor) -> Tensor:
  mask = torch.full([n, total], -inf, dtype=like.dtype, device=like.device)
  return torch.triu(mask, total - n + 1)

# The same for tokens that lie before the window.
def past_mask(n: int, total: int, window: int, like: Tensor) -> Tensor:
  mask = torch.full([n, total], -inf, dtype=like.dtype, device=like.device)
  return torch.tril(mask, total - n - window)

# do [n, H D] -> dq [n, H, D]; dkeys, dvalues [T, K, D] float32 are added to.
# q, keys, values as in prefill. Blocks of queries keep the scores small, and skip most of what the
# causal mask would hide. Blocks and contexts are filled up with rows of zeros, see ops/rows.py:
# they take part in nothing but the shapes.
def backward_(do: Tensor, q: Tensor, keys: Tensor, values: Tensor, dkeys: Tensor, dvalues: Tensor,
              scale: float, window: int, cap: float) -> Tensor:
  n, heads, dim = q.size(0), q.size(1), q.size(2)
  before = keys.size(0) - n
  missing = __torch__.tandem.ops.rows.round_up(keys.size(0), 4) - keys.size(0)
  k = torch.constant_pad_nd(torch.transpose(keys, 0, 1), [0, 0, 0, missing])
  v = torch.constant_pad_nd(torch.transpose(values, 0, 1), [0, 0, 0, missing])
  k_wide = torch.to(torch.transpose(k, 1, 2), 6)
  v_wide = torch.to(torch.transpose(v, 1, 2), 6)
  dqs = annotate(List[Tensor], [])
  for start in range(0, n, 128):
    end = min(n, start + 128)
    total = before + end
    first = __torch__.tandem.ops.attention.unseen(before + start, window)
    last = min(first + __torch__.tandem.ops.rows.round_up(total - first, 4), k.size(1))
    dqs.append(__torch__.tandem.ops.attention.block_backward_(
        torch.reshape(do[start : end], [end - start, heads, dim]), q[start : end],
        k[:, first : last], k_wide[:, :, first : last], v_wide[:, :, first : last],
        dkeys[first : total], dvalues[first : total], scale, window, cap))
  return dqs[0] if len(dqs) == 1 else torch.cat(dqs)

# do, q [n, H, D]; k [K, W, D], k_wide and v_wide [K, D, W] float32 of the context's T tokens and
# more; the rest as above. Scores and their gradients are products in float32, because an error
# there is one of an exponent or remains of a difference; products with probabilities are in the
# model's type.
def block_backward_(do: Tensor, q: Tensor, k: Tensor, k_wide: Tensor, v_wide: Tensor,
                    dkeys: Tensor, dvalues: Tensor, scale: float, window: int,
                    cap: float) -> Tensor:
  n, heads, dim = q.size(0), q.size(1), q.size(2)
  kv_heads, width, total = k.size(0), k.size(1), dkeys.size(0)
  before = total - n
  rows = __torch__.tandem.ops.rows.round_up(n, 4)
  q_rows = __torch__.tandem.ops.attention.by_key_head(q, kv_heads, rows)
  do_rows = __torch__.tandem.ops.attention.by_key_head(do, kv_heads, rows)
  scores = torch.bmm(torch.mul(torch.to(q_rows, 6), scale), k_wide)
  slope = annotate(Optional[Tensor], None)
  if cap != 0.:
    scores = __torch__.tandem.ops.soft_cap.forward_(scores, cap)
    slope = __torch__.tandem.ops.soft_cap.slope(scores, cap)
  if width - before > 1:
    corner = torch.view(scores, [kv_heads, heads // kv_heads, rows, width])[:, :, :, before:]
    mask = torch.full([rows, width - before], -inf, dtype=6, device=q.device)
    torch.add_(corner, torch.triu(mask, 1))
  if window > 0 and total > window:
    # Rows of zeros keep something to attend to: what is not a number would spread.
    real = torch.view(scores, [kv_heads, heads // kv_heads, rows, width])[:, :, :n, :total]
    torch.add_(real, __torch__.tandem.ops.attention.past_mask(n, total, window, scores))
  p = torch.softmax(scores, 2)
  dv = torch.bmm(torch.transpose(torch.to(p, do.dtype), 1, 2), do_rows)
  torch.add_(dvalues, torch.transpose(dv[:, :total], 0, 1))
  dp = torch.bmm(torch.to(do_rows, 6), v_wide)
  dscores = torch._softmax_backward_data(dp, p, 2, 6)
  if slope is not None:
    dscores = torch.mul_(dscores, slope)
  ds = torch.to(dscores, do.dtype)
  dk = torch.bmm(torch.transpose(ds, 1, 2), q_rows)
  torch.add_(dkeys, torch.transpose(dk[:, :total], 0, 1), alpha=scale)
  dq = torch.view(torch.bmm(ds, k), [kv_heads, heads // kv_heads, rows, dim])[:, :, :n]
  return torch.mul(torch.reshape(torch.permute(dq, [2, 0, 1, 3]), [n, heads, dim]), scale)

# x [n, H, D] -> [K, G rows, D]: the queries of a group are rows of one product
def by_key_head(x: Tensor, kv_heads: int, rows: int) -> Tensor:
  n, heads, dim = x.size(0), x.size(1), x.size(2)
  split = torch.permute(torch.reshape(x, [n, kv_heads, heads // kv_heads, dim]), [1, 2, 0, 3])
  if rows > n:
    split = torch.constant_pad_nd(split, [0, 0, 0, rows - n])
  return torch.reshape(split, [kv_heads, heads // kv_heads * rows, dim])
