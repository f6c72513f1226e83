# What the machine can do, and kernels that no method of the decoder runs by themselves.
class Peaks(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  # Matrices [n, n] as oneDNN multiplies them fastest, or plain ones.
  def matrix(self: __torch__.loadtest.peaks.Peaks, n: int, dtype: int, packed: bool) -> Tensor:
    x = torch.to(torch.randn([n, n]), dtype)
    return __torch__.tandem.ops.linear.pack(x, packed)

  def numbers(self: __torch__.loadtest.peaks.Peaks, n: int) -> Tensor:
    return torch.ones([n])

  def logits(self: __torch__.loadtest.peaks.Peaks, rows: int, vocabulary: int) -> Tensor:
    return torch.mul(torch.randn([rows, vocabulary]), 3.)

  # Reads every number once.
  def read(self: __torch__.loadtest.peaks.Peaks, x: Tensor) -> Tensor:
    return torch.sum(x)

  # Reads and writes every number once.
  def copy(self: __torch__.loadtest.peaks.Peaks, x: Tensor, y: Tensor) -> Tensor:
    return torch.copy_(y, x)

  def multiply(self: __torch__.loadtest.peaks.Peaks, x: Tensor, weight: Tensor,
               packed: bool) -> Tensor:
    return __torch__.tandem.ops.linear.multiply(x, weight, None, packed)

  # temperature 0.8; for filtered draws the 50 most likely and 95 percent as well
  def draw(self: __torch__.loadtest.peaks.Peaks, logits: Tensor, filtered: bool) -> Tensor:
    rows = torch.arange(logits.size(0))
    none = rows[:0]
    options = torch.tensor([0.8, 50. if filtered else 0., 0.95 if filtered else 1., 0.5])
    options = torch.expand(torch.unsqueeze(options, 0), [logits.size(0), 4])
    return __torch__.tandem.sample.draw(logits, none if filtered else rows,
                                        rows if filtered else none, options)
