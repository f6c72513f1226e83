# Lets tests call optim/quantize.py by itself.
class Quantization(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  def values(self: __torch__.reference.quantization.Quantization, signed: bool) -> Tensor:
    return __torch__.tandem.optim.quantize.new_map(signed, torch.device("cpu")).values

  # x [n] -> x after it was quantized
  def round(self: __torch__.reference.quantization.Quantization, x: Tensor,
            signed: bool) -> Tensor:
    map = __torch__.tandem.optim.quantize.new_map(signed, x.device)
    codes = torch.zeros([x.size(0)], dtype=0)
    absmax = torch.zeros([(x.size(0) + 255) // 256])
    quantized = __torch__.tandem.optim.quantize.Quantized(map, codes, absmax)
    __torch__.tandem.optim.quantize.quantize_(quantized, x, torch.ones([], dtype=0))
    return __torch__.tandem.optim.quantize.dequantize(quantized)
