# Lets tests call optim/quantize.py by itself.
class Quantization(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool

  def values(self: __torch__.reference.quantization.Quantization, signed: bool) -> Tensor:
    return __torch__.tandem.optim.quantize.new_values(signed, torch.device("cpu"))

  # x [n] -> x after it was quantized as the first moment, with signs, or as the second
  def round(self: __torch__.reference.quantization.Quantization, x: Tensor,
            signed: bool) -> Tensor:
    maps = __torch__.tandem.optim.quantize.Maps(x.device)
    blocks = (x.size(0) + 255) // 256
    codes = torch.zeros([2, x.size(0)], dtype=0)
    quantized = __torch__.tandem.optim.quantize.Quantized(maps, codes, torch.zeros([2, blocks]))
    moments = torch.constant_pad_nd(torch.stack([x, torch.abs(x)]), [0, 256 * blocks - x.size(0)])
    __torch__.tandem.optim.quantize.quantize_(quantized, torch.view(moments, [2, blocks, 256]),
                                              torch.ones([], dtype=0))
    rounded = torch.view(__torch__.tandem.optim.quantize.dequantize(quantized), [2, -1])
    return torch.contiguous(rounded[0 if signed else 1][: x.size(0)])
