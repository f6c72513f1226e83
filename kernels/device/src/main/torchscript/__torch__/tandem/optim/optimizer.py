# Neighbouring factors in the vector that are updated alike.
class Region:
  start : int
  end : int
  # its place in the state tensors of its kind
  at : int
  # factor on the learning rate: that of B is another one than that of A in LoRA+ (Hayou et al.,
  # 2024)
  rate : float
  # which of the steps in which it learns the next one is, from one; 0 if it does not learn in that
  t : int
  # alone in a list, see adam.py
  w : List[Tensor]
  # its state if that is in 8 bits
  moments : Optional[__torch__.tandem.optim.quantize.Quantized]
  def __init__(self: __torch__.tandem.optim.optimizer.Region, place: List[int],
               rate: float, weights: Tensor) -> None:
    self.start = place[0]
    self.end = place[0] + place[1]
    self.at = place[2]
    self.rate = rate
    self.t = 0
    self.w = [weights[self.start : self.end]]
    self.moments = annotate(Optional[__torch__.tandem.optim.quantize.Quantized], None)

# Updates the vector of an adapter's factors. The state by method, each tensor over all regions:
#   sgd: velocity;  lion: momentum;  adamw: first and second moment
#   adamw_8bit: first and second moment of the regions in 32 bits; of the others, codes of the first
#   and of the second moment, and absmax of the first and of the second
class Optimizer:
  method : str
  constants : __torch__.tandem.optim.settings.Settings
  regions : List[__torch__.tandem.optim.optimizer.Region]
  state : List[Tensor]
  # of the gathered gradient, [regions] float32
  norms : Tensor
  def __init__(self: __torch__.tandem.optim.optimizer.Optimizer, method: str,
               constants: __torch__.tandem.optim.settings.Settings, norms: Tensor) -> None:
    self.method = method
    self.constants = constants
    self.norms = norms
    self.regions = annotate(List[__torch__.tandem.optim.optimizer.Region], [])
    self.state = annotate(List[Tensor], [])

# weights [P] float32 are updated; the state lives on their device.
# places: four numbers for each region: start, length, place in the state, first block, which is -1
# if its state is in 32 bits.
# sizes: two for each tensor of the state: length, bytes of one number.
def new(method: str, constants: __torch__.tandem.optim.settings.Settings, weights: Tensor,
        places: List[int], rates: List[float],
        sizes: List[int]) -> __torch__.tandem.optim.optimizer.Optimizer:
  device = weights.device
  norms = torch.zeros([len(rates)], device=device)
  self = __torch__.tandem.optim.optimizer.Optimizer(method, constants, norms)
  for i in range(len(rates)):
    place = places[4 * i : 4 * i + 4]
    region = __torch__.tandem.optim.optimizer.Region(place, rates[i], weights)
    self.regions.append(region)
  for i in range(len(sizes) // 2):
    dtype = 0 if sizes[2 * i + 1] == 1 else 6
    self.state.append(torch.zeros([sizes[2 * i]], dtype=dtype, device=device))
  if method == "adamw_8bit":
    __torch__.tandem.optim.optimizer.share_quantized_(self, places)
  return self

# Puts what both moments have in 8 bits next to each other, and gives each region its part.
def share_quantized_(self: __torch__.tandem.optim.optimizer.Optimizer, places: List[int]) -> None:
  codes, absmax = torch.stack(self.state[2:4]), torch.stack(self.state[4:6])
  self.state = self.state[:2] + torch.unbind(codes) + torch.unbind(absmax)
  maps = __torch__.tandem.optim.quantize.Maps(codes.device)
  for i in range(len(self.regions)):
    region, block = self.regions[i], places[4 * i + 3]
    if block >= 0:
      length = region.end - region.start
      region.moments = __torch__.tandem.optim.quantize.Quantized(
          maps, codes[:, region.at : region.at + length],
          absmax[:, block : block + (length + 255) // 256])

# g [n] of the region
def update_(self: __torch__.tandem.optim.optimizer.Optimizer,
            region: __torch__.tandem.optim.optimizer.Region, g: Tensor,
            step: __torch__.tandem.optim.step.Step) -> None:
  w, constants, moments, t = region.w, self.constants, region.moments, region.t
  lr = step.lr * region.rate
  end = region.at + region.end - region.start
  if moments is not None:
    __torch__.tandem.optim.adamw_8bit.update_quantized_(w, g, moments, constants, step, lr, t)
  elif self.method == "adamw_8bit":
    __torch__.tandem.optim.adamw_8bit.update_(w, g, self.state[0][region.at : end],
                                              self.state[1][region.at : end], constants, step, lr, t)
  elif self.method == "adamw":
    __torch__.tandem.optim.adamw.update_(w, g, self.state[0][region.at : end],
                                         self.state[1][region.at : end], constants, step, lr, t)
  elif self.method == "lion":
    __torch__.tandem.optim.lion.update_(w[0], g, self.state[0][region.at : end], constants, step, lr)
  else:
    assert self.method == "sgd", "no such optimizer"
    __torch__.tandem.optim.sgd.update_(w[0], g, self.state[0][region.at : end], constants, step, lr)

# Before a step: t of each region.
def count_(self: __torch__.tandem.optim.optimizer.Optimizer, steps: List[int]) -> None:
  for i in range(len(steps)):
    self.regions[i].t = steps[i]

# Adds the gradients [lanes, P] of all lanes up into those of the first, and takes the norm, in the
# regions from first to last. What those that do not learn got is left out.
def gather_(self: __torch__.tandem.optim.optimizer.Optimizer, gradients: Tensor, first: int,
            last: int) -> None:
  for i in range(first, last):
    region = self.regions[i]
    g = gradients[0, region.start : region.end]
    if region.t == 0:
      torch.zero_(gradients[:, region.start : region.end])
      torch.zero_(self.norms[i])
    else:
      for lane in range(1, gradients.size(0)):
        more = gradients[lane, region.start : region.end]
        torch.add_(g, more)
        torch.zero_(more)
      torch.copy_(self.norms[i], torch.linalg_vector_norm(g))

# Updates the weights from gradients [P], which are cleared, in the regions from first to last. What does
# not learn keeps its state too: its moments do not decay.
def step_(self: __torch__.tandem.optim.optimizer.Optimizer, gradients: Tensor,
          step: __torch__.tandem.optim.step.Step, first: int, last: int) -> None:
  for region in self.regions[first:last]:
    if region.t > 0:
      g = __torch__.tandem.optim.step.scale_(step, gradients[region.start : region.end])
      __torch__.tandem.optim.optimizer.update_(self, region, g, step)
      torch.zero_(g)
