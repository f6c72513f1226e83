# y = w * x / sqrt(mean(x^2) + eps), over the last dimension, in float32 inside.
def forward(x: Tensor, weight: Tensor, eps: float) -> Tensor:
  wide = torch.to(x, 6)
  scale = torch.rsqrt(torch.add(torch.mean(torch.mul(wide, wide), [-1], True), eps))
  return torch.mul(torch.to(torch.mul(wide, scale), x.dtype), weight)

# dy like x -> dx in float32: r * (w dy - xhat * mean(w dy * xhat)), xhat = x r
def backward(dy: Tensor, x: Tensor, weight: Tensor, eps: float) -> Tensor:
  wide = torch.to(x, 6)
  scale = torch.rsqrt(torch.add(torch.mean(torch.mul(wide, wide), [-1], True), eps))
  normed = torch.mul(wide, scale)
  weighted = torch.mul(torch.to(dy, 6), torch.to(weight, 6))
  mean = torch.mean(torch.mul(weighted, normed), [-1], True)
  return torch.mul(torch.sub(weighted, torch.mul(normed, mean)), scale)
