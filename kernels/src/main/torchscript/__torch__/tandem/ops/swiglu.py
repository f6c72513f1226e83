# y = silu(gate) * up, gate_up [N, 2 F] with the gate first.
def forward(gate_up: Tensor) -> Tensor:
  gate, up = torch.chunk(gate_up, 2, 1)
  return torch.mul(torch.silu(gate), up)

# dy [N, F] -> d gate_up [N, 2 F]
def backward(dy: Tensor, gate_up: Tensor) -> Tensor:
  gate, up = torch.chunk(torch.to(gate_up, 6), 2, 1)
  wide = torch.to(dy, 6)
  sigmoid = torch.sigmoid(gate)
  silu = torch.mul(gate, sigmoid)
  slope = torch.add(sigmoid, torch.mul(silu, torch.rsub(sigmoid, 1)))
  both = torch.cat([torch.mul(torch.mul(wide, up), slope), torch.mul(wide, silu)], 1)
  return torch.to(both, dy.dtype)
