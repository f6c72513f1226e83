# y = silu(gate) * up, gate_up [N, 2 F] with the gate first.
def forward(gate_up: Tensor) -> Tensor:
  gate, up = torch.chunk(gate_up, 2, 1)
  return torch.mul(torch.silu(gate), up)

# dy [N, F] -> d gate_up [N, 2 F]
def backward(dy: Tensor, gate_up: Tensor) -> Tensor:
  gate, up = torch.chunk(gate_up, 2, 1)
  dgate = torch.silu_backward(torch.mul(dy, up), gate)
  return torch.cat([dgate, torch.mul(dy, torch.silu(gate))], 1)
