# y = silu(gate) * up, gate_up [N, 2 F] with the gate first. Returns y, and silu(gate) for backward.
def forward(gate_up: Tensor) -> Tuple[Tensor, Tensor]:
  gate, up = torch.chunk(gate_up, 2, 1)
  opened = torch.silu(gate)
  return (torch.mul(opened, up), opened)

# dy, opened [N, F] -> d gate_up [N, 2 F]
def backward(dy: Tensor, gate_up: Tensor, opened: Tensor) -> Tensor:
  gate, up = torch.chunk(gate_up, 2, 1)
  dgate = torch.silu_backward(torch.mul(dy, up), gate)
  return torch.cat([dgate, torch.mul(dy, opened)], 1)
