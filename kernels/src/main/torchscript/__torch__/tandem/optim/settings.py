# The constants of an optimizer; decay is per unit of learning rate, max_norm 0 means no clipping.
class Settings:
  beta1 : float
  beta2 : float
  eps : float
  decay : float
  max_norm : float
  def __init__(self: __torch__.tandem.optim.settings.Settings, numbers: List[float]) -> None:
    self.beta1 = numbers[0]
    self.beta2 = numbers[1]
    self.eps = numbers[2]
    self.decay = numbers[3]
    self.max_norm = numbers[4]
