# Draws one token per row. logits [S, V] float32.
# plain, filtered: rows that are drawn from all tokens or from the most likely ones, others are
# greedy; options [S, 5] float32: temperature, top-k, top-p, uniform random number, min-p. A row's draw
# depends on its own logits and options alone.
# Returns tokens [S], -1 where the logits are not finite.
def draw(logits: Tensor, plain: Tensor, filtered: Tensor, options: Tensor) -> Tensor:
  best, tokens = torch.max(logits, 1)
  if plain.size(0) > 0:
    chosen = __torch__.tandem.sample.draw_plain(logits[plain], options[plain])
    tokens = torch.index_copy(tokens, 0, plain, chosen)
  if filtered.size(0) > 0:
    chosen = __torch__.tandem.sample.draw_filtered(logits[filtered], options[filtered])
    tokens = torch.index_copy(tokens, 0, filtered, chosen)
  return torch.masked_fill(tokens, torch.logical_not(torch.isfinite(best)), -1)

# tokens [S] that were drawn from logits [S, V]. Returns them if top is -1; otherwise each with the
# `top` most likely tokens after it, [S, 1 + top], and the log-probabilities of all, [S, 1 + top].
def report(logits: Tensor, tokens: Tensor, top: int) -> List[Tensor]:
  if top < 0:
    return [tokens]
  tokens = torch.unsqueeze(tokens, 1)
  of_all = torch.log_softmax(logits, 1)
  logprobs = torch.gather(of_all, 1, torch.clamp(tokens, 0))
  if top > 0:
    values, indices = torch.topk(of_all, top, 1)
    logprobs = torch.cat([logprobs, values], 1)
    tokens = torch.cat([tokens, indices], 1)
  return [tokens, logprobs]

# logits [S, V], of which those at [2, r], rows and tokens, are divided by the penalties [r] if they
# are positive, else multiplied.
def penalized(logits: Tensor, at: Tensor, penalties: Tensor) -> Tensor:
  if penalties.size(0) == 0:
    return logits
  before = logits[at[0], at[1]]
  after = torch.where(torch.gt(before, 0.), torch.div(before, penalties), torch.mul(before, penalties))
  return torch.index_put(logits, [at[0], at[1]], after)

# Leaves only the allowed tokens to the limited rows; the others' logits become -inf. allowed: bits, as
# in inputs.Inputs.
def limit(logits: Tensor, limited: Tensor, allowed: Tensor) -> Tensor:
  places = torch.arange(64, device=allowed.device)
  bits = torch.bitwise_and(torch.bitwise_right_shift(torch.unsqueeze(allowed, 2), places), 1)
  forbidden = torch.eq(torch.reshape(bits, [limited.size(0), -1])[:, : logits.size(1)], 0)
  rows = torch.masked_fill(torch.index_select(logits, 0, limited), forbidden, -inf)
  return torch.index_copy(logits, 0, limited, rows)

# Inverts the cumulative distribution at the uniform number; p [S, V] need not sum to one. Rounding may
# lead to a token without probability, which another limit may forbid; then it is the most likely one.
def invert(p: Tensor, uniform: Tensor) -> Tensor:
  steps = torch.cumsum(p, 1)
  target = torch.mul(uniform, steps[:, -1:])
  index = torch.clamp(torch.searchsorted(steps, target, right=True), 0, p.size(1) - 1)
  possible = torch.gt(torch.gather(p, 1, index), 0)
  return torch.where(possible, index, torch.argmax(p, 1, True))

def draw_plain(logits: Tensor, options: Tensor) -> Tensor:
  p = torch.softmax(torch.div(logits, options[:, 0:1]), 1)
  return torch.squeeze(__torch__.tandem.sample.invert(p, options[:, 3:4]), 1)

# Min-p and top-k first, then the nucleus of what they leave, as vLLM applies them.
def draw_filtered(logits: Tensor, options: Tensor) -> Tensor:
  sorted, order = torch.sort(torch.softmax(torch.div(logits, options[:, 0:1]), 1), 1, True)
  rank = torch.unsqueeze(torch.arange(sorted.size(1), device=sorted.device), 0)
  least = torch.mul(sorted[:, 0:1], options[:, 4:5])
  p = torch.masked_fill(sorted, torch.ge(rank, options[:, 1:2]), 0.)
  p = torch.masked_fill(p, torch.lt(sorted, least), 0.)
  before = torch.sub(torch.cumsum(p, 1), p)
  nucleus = torch.mul(torch.sum(p, [1], True), options[:, 2:3])
  dropped = torch.ge(before, nucleus)
  # the most likely token always stays, whatever rounding says
  torch.fill_(dropped[:, 0:1], False)
  kept = torch.masked_fill(p, dropped, 0.)
  chosen = __torch__.tandem.sample.invert(kept, options[:, 3:4])
  return torch.squeeze(torch.gather(order, 1, chosen), 1)
