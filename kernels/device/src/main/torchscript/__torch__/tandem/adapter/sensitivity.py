# How sensitive the loss is to the single weights of a linear (SPT, He et al., 2023): the gradient of the whole
# weight, added up over the rows of a mini-batch, squared. Of that only the largest numbers leave the device.

# gradient [lanes, out, in] float32, or no numbers if the bank is not sensed; x [n, in] the linear's input, dy [n, out]
# the gradient of its output. Adds to that of the lane.
def backward_(gradient: Tensor, lane: int, x: Tensor, dy: Tensor) -> None:
  if torch.numel(gradient) > 0:
    torch.addmm_(gradient[lane], torch.t(torch.to(dy, 6)), torch.to(x, 6))

# Begins to sense the banks whose number here is 1, and ends it for the others. learners: of their adapters
def sense_(sensed: List[Tensor], learners: List[__torch__.tandem.adapter.low_rank.Learner],
           widths: List[int], lanes: int, banks: List[int]) -> None:
  for bank in range(len(sensed)):
    a = learners[bank].a
    shape = [lanes, widths[bank], a.size(1)] if banks[bank] == 1 else [0, 0, 0]
    sensed[bank] = torch.zeros(shape, device=a.device)

# Of each part in a bank that is sensed, in their order: where its largest squares are in its weight, row by row
# [k] int64, and these as shares of the sum of all [k] float32. counts: k of each. What was added up is zero then.
def take(sensed: List[Tensor], learners: List[__torch__.tandem.adapter.low_rank.Learner],
         counts: List[int]) -> List[Tensor]:
  taken = annotate(List[Tensor], [])
  for bank in range(len(sensed)):
    if torch.numel(sensed[bank]) > 0:
      gradient = torch.sum(sensed[bank], [0])
      for part in learners[bank].parts:
        own = torch.reshape(gradient[part.column : part.column + part.width], [-1])
        squares = torch.mul(own, own)
        largest, places = torch.topk(squares, counts[len(taken) // 2])
        taken = taken + [places, torch.div(largest, torch.clamp(torch.sum(squares), 1e-38))]
      torch.zero_(sensed[bank])
  return taken
