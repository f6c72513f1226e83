# What an iteration reads, which crosses to the model's device in one tensor. N rows, I of them
# inference rows, B of those decode rows.
class Inputs:
  # token and position of each row [2, N]
  rows : Tensor
  # row of the cache that each inference row writes [I]
  cache_rows : Tensor
  # slots of each row's adapters [depth, N], -1 where it has fewer than others
  stacks : Tensor
  # of each decode row, as in batch.Batch: its place and its context's length [2, B]
  decodes : Tensor
  # rows whose next token is drawn [S], and which of those draws are plain and which filtered, as in
  # sample.draw
  wanted : Tensor
  plain : Tensor
  filtered : Tensor
  # draw and token of each number that is added to the logits [2, n]
  bias_at : Tensor
  # rows of the arena with a label, and the labels [2, m]
  learned : Tensor
  # options of sample.draw [S, 4], and what is added to the logits [n]; float32
  options : Tensor
  bias : Tensor
  # numbers: int64, all of the above one after the other; the last two as bits, two float32 in one.
  # sizes: how many numbers each of them takes, the last two together.
  def __init__(self: __torch__.tandem.inputs.Inputs, numbers: Tensor, sizes: List[int]) -> None:
    parts = torch.split_with_sizes(numbers, sizes)
    self.rows = torch.view(parts[0], [2, -1])
    self.cache_rows = parts[1]
    self.stacks = torch.view(parts[2], [-1, self.rows.size(1)])
    self.decodes = torch.view(parts[3], [2, -1])
    self.wanted = parts[4]
    self.plain = parts[5]
    self.filtered = parts[6]
    self.bias_at = torch.view(parts[7], [2, -1])
    self.learned = torch.view(parts[8], [2, -1])
    floats = torch.view_copy(parts[9], dtype=6)
    draws, biases = self.wanted.size(0), self.bias_at.size(1)
    self.options = torch.view(floats[: 4 * draws], [draws, 4])
    self.bias = floats[4 * draws : 4 * draws + biases]
