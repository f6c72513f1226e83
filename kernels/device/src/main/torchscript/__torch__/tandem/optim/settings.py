# The constants of an optimizer; decay is per unit of learning rate.
class Settings:
  beta1 : float
  beta2 : float
  eps : float
  decay : float
  def __init__(self: __torch__.tandem.optim.settings.Settings, numbers: List[float]) -> None:
    self.beta1 = numbers[0]
    self.beta2 = numbers[1]
    self.eps = numbers[2]
    self.decay = numbers[3]
