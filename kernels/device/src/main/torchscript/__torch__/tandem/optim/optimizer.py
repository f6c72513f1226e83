# Neighbouring factors in the vector that are updated alike.
class Region:
  start : int
  end : int
  # its place in the state tensors of its kind
  at : int
  # its first block there, -1 if its state is in 32 bits
  block : int
  # factor on the learning rate: that of B is another one than that of A in LoRA+ (Hayou et al.,
  # 2024)
  rate : float
  # alone in a list, see adam.py
  w : List[Tensor]
  def __init__(self: __torch__.tandem.optim.optimizer.Region, place: List[int],
               rate: float, weights: Tensor) -> None:
    self.start = place[0]
    self.end = place[0] + place[1]
    self.at = place[2]
    self.block = place[3]
    self.rate = rate
    self.w = [weights[self.start : self.end]]

# Updates the vector of an adapter's factors. The state by method, each tensor over all regions:
#   sgd: velocity;  lion: momentum;  adamw: first and second moment
#   adamw_8bit: first and second moment of the regions in 32 bits; codes and absmax of the first and
#   of the second moment of the others
class Optimizer:
  method : str
  constants : __torch__.tandem.optim.settings.Settings
  regions : List[__torch__.tandem.optim.optimizer.Region]
  state : List[Tensor]
  # of the gathered gradient, [regions] float32
  norms : Tensor
  # with signs for the first moment, without for the second
  maps : List[__torch__.tandem.optim.quantize.Map]
  def __init__(self: __torch__.tandem.optim.optimizer.Optimizer, method: str,
               constants: __torch__.tandem.optim.settings.Settings, norms: Tensor) -> None:
    self.method = method
    self.constants = constants
    self.norms = norms
    self.regions = annotate(List[__torch__.tandem.optim.optimizer.Region], [])
    self.state = annotate(List[Tensor], [])
    self.maps = annotate(List[__torch__.tandem.optim.quantize.Map], [])

# weights [P] float32 are updated; the state lives on their device.
# places: four numbers for each region: start, length, place in the state, first block.
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
    self.state.append(torch.zeros([sizes[2 * i]], dtype=0 if sizes[2 * i + 1] == 1 else 6,
                                  device=device))
  if method == "adamw_8bit":
    self.maps.append(__torch__.tandem.optim.quantize.new_map(True, device))
    self.maps.append(__torch__.tandem.optim.quantize.new_map(False, device))
  return self

# The i-th moment of a region in 8 bits.
def moment(self: __torch__.tandem.optim.optimizer.Optimizer, i: int,
           region: __torch__.tandem.optim.optimizer.Region) -> __torch__.tandem.optim.quantize.Quantized:
  length = region.end - region.start
  codes = self.state[2 + 2 * i][region.at : region.at + length]
  absmax = self.state[3 + 2 * i][region.block : region.block + (length + 255) // 256]
  return __torch__.tandem.optim.quantize.Quantized(self.maps[i], codes, absmax)

# g [n] of the region
def update_(self: __torch__.tandem.optim.optimizer.Optimizer,
            region: __torch__.tandem.optim.optimizer.Region, g: Tensor,
            step: __torch__.tandem.optim.step.Step) -> None:
  w, constants = region.w, self.constants
  lr = step.lr * region.rate
  end = region.at + region.end - region.start
  if region.block >= 0:
    m = __torch__.tandem.optim.optimizer.moment(self, 0, region)
    v = __torch__.tandem.optim.optimizer.moment(self, 1, region)
    __torch__.tandem.optim.adamw_8bit.update_quantized_(w, g, m, v, constants, step, lr)
  elif self.method == "adamw_8bit":
    __torch__.tandem.optim.adamw_8bit.update_(w, g, self.state[0][region.at : end],
                                              self.state[1][region.at : end], constants, step, lr)
  elif self.method == "adamw":
    __torch__.tandem.optim.adamw.update_(w, g, self.state[0][region.at : end],
                                         self.state[1][region.at : end], constants, step, lr)
  elif self.method == "lion":
    __torch__.tandem.optim.lion.update_(w[0], g, self.state[0][region.at : end], constants, step, lr)
  else:
    assert self.method == "sgd", "no such optimizer"
    __torch__.tandem.optim.sgd.update_(w[0], g, self.state[0][region.at : end], constants, step, lr)

# Adds the gradients [lanes, P] of all lanes up into those of the first, and takes the norm, in the
# regions from first to last.
def gather_(self: __torch__.tandem.optim.optimizer.Optimizer, gradients: Tensor, first: int,
            last: int) -> None:
  for i in range(first, last):
    region = self.regions[i]
    g = gradients[0, region.start : region.end]
    for lane in range(1, gradients.size(0)):
      more = gradients[lane, region.start : region.end]
      torch.add_(g, more)
      torch.zero_(more)
    torch.copy_(self.norms[i], torch.linalg_vector_norm(g))

# Updates the weights from gradients [P], which are cleared, in the regions from first to last.
def step_(self: __torch__.tandem.optim.optimizer.Optimizer, gradients: Tensor,
          step: __torch__.tandem.optim.step.Step, first: int, last: int) -> None:
  for region in self.regions[first:last]:
    g = __torch__.tandem.optim.step.scale_(step, gradients[region.start : region.end])
    __torch__.tandem.optim.optimizer.update_(self, region, g, step)
    torch.zero_(g)
