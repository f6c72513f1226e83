# Where values leave the device. The host waits for them here and nowhere else, once in an iteration.
def read(x: Tensor) -> Tensor:
  return torch.to(x, torch.device("cpu"))

# The numbers of all results, int64 or float32, one after the other in int32, which has the bits of
# those in float32.
def read_all(results: List[Tensor]) -> Tensor:
  bits = annotate(List[Tensor], [])
  for result in results:
    flat = torch.reshape(result, [-1])
    bits.append(torch.view_copy(flat, dtype=3) if result.dtype == 6 else torch.to(flat, 3))
  if len(bits) == 0:
    return torch.empty([0], dtype=3, device=torch.device("cpu"))
  return __torch__.tandem.host.read(bits[0] if len(bits) == 1 else torch.cat(bits))
