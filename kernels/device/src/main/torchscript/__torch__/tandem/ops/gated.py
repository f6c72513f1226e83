# y = f(gate) * up, gate_up [N, 2 F] with the gate first. f by number: 0 silu, 1 gelu by its
# approximation with tanh, 2 gelu. Returns y, and f(gate) for backward.
def forward(gate_up: Tensor, f: int) -> Tuple[Tensor, Tensor]:
  gate, up = torch.chunk(gate_up, 2, 1)
  if f == 0:
    opened = torch.silu(gate)
  else:
    opened = torch.gelu(gate, approximate="tanh" if f == 1 else "none")
  return (torch.mul(opened, up), opened)

# dy, opened [N, F] -> d gate_up [N, 2 F]
def backward(dy: Tensor, gate_up: Tensor, opened: Tensor, f: int) -> Tensor:
  gate, up = torch.chunk(gate_up, 2, 1)
  dopened = torch.mul(dy, up)
  if f == 0:
    dgate = torch.silu_backward(dopened, gate)
  else:
    dgate = torch.gelu_backward(dopened, gate, approximate="tanh" if f == 1 else "none")
  return torch.cat([dgate, torch.mul(dy, opened)], 1)
