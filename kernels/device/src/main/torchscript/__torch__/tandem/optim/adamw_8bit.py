# AdamW with moments in 8 bits (Dettmers et al., 2022, "8-bit Optimizers via Block-wise
# Quantization"). The first moment has signs, the second has none. The update sees the moments as
# they are before they are rounded again.

# For factors too small to gain from 8 bits. Adam, then w = (1 - lr decay) w: the decay comes last
# in bitsandbytes. Shapes as in adam.py.
def update_(w: List[Tensor], g: Tensor, m: Tensor, v: Tensor,
            constants: __torch__.tandem.optim.settings.Settings,
            step: __torch__.tandem.optim.step.Step, lr: float, t: int) -> None:
  __torch__.tandem.optim.adam.update_(w, g, m, v, constants, step, lr, t)
  if constants.decay > 0.:
    kept = __torch__.tandem.optim.step.unless_skipped(step, 1. - lr * constants.decay, 1.)
    torch.mul_(w[0], kept)

# The same for moments in 8 bits.
def update_quantized_(w: List[Tensor], g: Tensor,
                      moments: __torch__.tandem.optim.quantize.Quantized,
                      constants: __torch__.tandem.optim.settings.Settings,
                      step: __torch__.tandem.optim.step.Step, lr: float, t: int) -> None:
  x = __torch__.tandem.optim.quantize.dequantize(moments)
  m, v, = torch.unbind(torch.view(x, [2, -1])[:, : g.size(0)])
  __torch__.tandem.optim.adamw_8bit.update_(w, g, m, v, constants, step, lr, t)
  __torch__.tandem.optim.quantize.quantize_(moments, x, step.kept)
