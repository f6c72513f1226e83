# Where some of an iteration's rows are: n of them, i inference rows, b of those decode rows.
class RowInputs:
  # which of the iteration's rows they are [n]; not read of all of them
  rows : Tensor
  # [n]
  positions : Tensor
  # row of the cache that each inference row writes [i]
  cache_rows : Tensor
  # slots of each row's adapters [depth, n], -1 where it has fewer than others
  stacks : Tensor
  # of each decode row, as in batch.Batch: its place and its context's length [2, b]
  decodes : Tensor
  # those of them with adapters that have single weights, as in single_weights.Users [s]
  single : Tensor
  def __init__(self: __torch__.tandem.inputs.RowInputs, rows: Tensor, positions: Tensor,
               cache_rows: Tensor, stacks: Tensor, decodes: Tensor, single: Tensor) -> None:
    self.rows = rows
    self.positions = positions
    self.cache_rows = cache_rows
    self.stacks = torch.view(stacks, [-1, positions.size(0)])
    self.decodes = torch.view(decodes, [2, -1])
    self.single = single

# What an iteration reads, which crosses to the model's device in one tensor. N rows.
class Inputs:
  # token and position of each row [2, N]
  rows : Tensor
  # rows whose next token is drawn [S], and which of those draws are plain and which filtered, as in
  # sample.draw
  wanted : Tensor
  plain : Tensor
  filtered : Tensor
  # draw and token of each number that is added to the logits [2, n], and of each logit that a
  # repetition penalty changes [2, r]
  bias_at : Tensor
  repeated_at : Tensor
  # wanted rows that report a known token instead of a draw, and the tokens [2, k]
  scored : Tensor
  # rows of the arena with a label, and the labels [2, m]
  learned : Tensor
  # draws that are limited to some tokens [m], and the tokens' bits, 64 in one number [m, ceil(V / 64)]
  limited : Tensor
  allowed : Tensor
  # rows whose hidden state is wanted [p]
  pooled : Tensor
  # rows with a virtual token, and the tokens, as in prompt.forward [2, v]
  virtual : Tensor
  # rows with an embedding of their adapter's, and draws by the head that they use, as in full.embed and
  # full.logits
  embedded : Tensor
  headed : Tensor
  # where the rows are: all of them, then those of each further view, see depth.py
  views : List[__torch__.tandem.inputs.RowInputs]
  # options of sample.draw [S, 5], what is added to the logits [n], and the penalties [r]; float32
  options : Tensor
  bias : Tensor
  repeated : Tensor
  # numbers: int64, all of the above one after the other; the last three as bits, two float32 in one.
  # sizes: how many numbers each of them takes, the last three together. Behind them are those of further
  # views: rows, cache_rows, stacks, decodes and single of each.
  def __init__(self: __torch__.tandem.inputs.Inputs, numbers: Tensor, sizes: List[int]) -> None:
    parts = torch.split_with_sizes(numbers, sizes)
    self.rows = torch.view(parts[0], [2, -1])
    positions = self.rows[1]
    self.views = [__torch__.tandem.inputs.RowInputs(positions, positions, parts[1], parts[2], parts[3],
                                                    parts[17])]
    for i in range((len(sizes) - 19) // 5):
      rows, cache_rows, stacks, decodes, single = parts[19 + 5 * i : 24 + 5 * i]
      self.views.append(__torch__.tandem.inputs.RowInputs(
          rows, torch.index_select(positions, 0, rows), cache_rows, stacks, decodes, single))
    self.wanted = parts[4]
    self.plain = parts[5]
    self.filtered = parts[6]
    self.bias_at = torch.view(parts[7], [2, -1])
    self.repeated_at = torch.view(parts[8], [2, -1])
    self.scored = torch.view(parts[9], [2, -1])
    self.learned = torch.view(parts[10], [2, -1])
    self.limited = parts[11]
    self.allowed = torch.view(parts[12], [self.limited.size(0), -1]) if sizes[11] > 0 else parts[12]
    self.pooled = parts[13]
    self.virtual = torch.view(parts[14], [2, -1])
    self.embedded = parts[15]
    self.headed = parts[16]
    floats = torch.view_copy(parts[18], dtype=6)
    first = 5 * self.wanted.size(0)
    second = first + self.bias_at.size(1)
    self.options = torch.view(floats[: first], [-1, 5])
    self.bias = floats[first : second]
    self.repeated = floats[second : second + self.repeated_at.size(1)]
