# A mixture of experts in place of the MLP: each row goes through the few experts that a router rates
# highest, and their outputs are added by its ratings. Rows are sorted by expert, so each expert
# multiplies its own at once. How many those are, the host must know before it can ask for the
# products: it waits for the device once in a layer.

# h [N, C] -> the experts of each row [N, k], and what their outputs weigh [N, k] float32
def route(layer: __torch__.tandem.model.Layer, shape: __torch__.tandem.model.Shape,
          h: Tensor) -> Tuple[Tensor, Tensor]:
  rated, chosen = torch.topk(__torch__.tandem.experts.rate(layer, h), shape.active)
  return (chosen, __torch__.tandem.experts.share(shape, rated))

# h [N, C] -> the router's rating of each expert [N, E] float32
def rate(layer: __torch__.tandem.model.Layer, h: Tensor) -> Tensor:
  router = unchecked_cast(Tensor, layer.router)
  return torch.softmax(torch.to(torch.linear(h, router), 6), -1)

def share(shape: __torch__.tandem.model.Shape, rated: Tensor) -> Tensor:
  return torch.div(rated, torch.sum(rated, [-1], True)) if shape.shared else rated

# Rows sorted by expert: where each comes from among chosen [N k] and among the rows, and how many
# each expert has.
class Order:
  places : Tensor
  rows : Tensor
  counts : List[int]
  def __init__(self: __torch__.tandem.experts.Order, chosen: Tensor, experts: int) -> None:
    flat = torch.reshape(chosen, [-1])
    self.places = torch.argsort(flat, stable=True)
    self.rows = torch.div(self.places, chosen.size(1), rounding_mode="floor")
    numbers = torch.arange(experts, device=chosen.device)
    counts = torch.sum(torch.eq(torch.unsqueeze(flat, 1), numbers), [0])
    self.counts = [int(count) for count in __torch__.tandem.host.read(counts)]

# What arrives at the rows of h from its sorted copies, [N k, C] -> [N, C]
def gather(order: __torch__.tandem.experts.Order, parts: List[Tensor], like: Tensor) -> Tensor:
  sum = torch.zeros_like(like)
  if len(parts) > 0:
    torch.index_add_(sum, 0, order.rows, torch.cat(parts))
  return sum

# x [N, C] -> [N, C], and the experts of each row [N, k]
def forward(layer: __torch__.tandem.model.Layer, shape: __torch__.tandem.model.Shape,
            adapters: __torch__.tandem.adapter.change.Changes, users: __torch__.tandem.adapter.change.Users,
            x: Tensor) -> Tuple[Tensor, Tensor]:
  chosen, weights = __torch__.tandem.experts.route(layer, shape, x)
  order = __torch__.tandem.experts.Order(chosen, shape.experts)
  weights = torch.index_select(torch.reshape(torch.to(weights, x.dtype), [-1, 1]), 0, order.places)
  outputs = annotate(List[Tensor], [])
  at = 0
  for expert in range(shape.experts):
    end = at + order.counts[expert]
    if end > at:
      rows = order.rows[at : end]
      mine = torch.index_select(x, 0, rows)
      index = 2 + 2 * expert
      gate_up = __torch__.tandem.experts.project(layer, index, adapters, users, rows, mine)
      act = __torch__.tandem.ops.gated.forward(gate_up, shape.activation)[0]
      y = __torch__.tandem.experts.project(layer, index + 1, adapters, users, rows, act)
      outputs.append(torch.mul(y, weights[at : end]))
    at = end
  return (__torch__.tandem.experts.gather(order, outputs, x), chosen)

# Linear `index` for some of the rows, x [n, in] what they bring to it
def project(layer: __torch__.tandem.model.Layer, index: int,
            adapters: __torch__.tandem.adapter.change.Changes,
            users: __torch__.tandem.adapter.change.Users, rows: Tensor, x: Tensor) -> Tensor:
  missing = __torch__.tandem.ops.rows.missing(rows.size(0), layer.linears[index].padded)
  mask, places = __torch__.tandem.adapter.change.select(adapters, users, index, rows, missing)
  return __torch__.tandem.linears.project_some(layer, index, adapters, users, mask, places, x)

# The output for rows of a pack, as in forward; chosen [n, k] their experts. x [n, C] -> [n, C]. spans: one,
# because an expert has few rows of each.
def forward_again(layer: __torch__.tandem.model.Layer, shape: __torch__.tandem.model.Shape,
                  adapters: __torch__.tandem.adapter.change.Changes,
                  spans: List[__torch__.tandem.adapter.change.Span], x: Tensor,
                  chosen: Tensor) -> Tensor:
  rated = torch.gather(__torch__.tandem.experts.rate(layer, x), 1, chosen)
  weights = torch.to(__torch__.tandem.experts.share(shape, rated), x.dtype)
  order = __torch__.tandem.experts.Order(chosen, shape.experts)
  weights = torch.index_select(torch.reshape(weights, [-1, 1]), 0, order.places)
  outputs = annotate(List[Tensor], [])
  at = 0
  for expert in range(shape.experts):
    end = at + order.counts[expert]
    if end > at:
      mine = torch.index_select(x, 0, order.rows[at : end])
      index = 2 + 2 * expert
      gate_up = __torch__.tandem.linears.project_again(layer, index, adapters, spans, mine)
      act = __torch__.tandem.ops.gated.forward(gate_up, shape.activation)[0]
      y = __torch__.tandem.linears.project_again(layer, index + 1, adapters, spans, act)
      outputs.append(torch.mul(y, weights[at : end]))
    at = end
  return __torch__.tandem.experts.gather(order, outputs, x)

# x [n, C] the input, chosen [n, k] the experts as in forward, dy [n, C] -> dx [n, C] float32.
# Products of the experts are computed again. spans: one
def backward(layer: __torch__.tandem.model.Layer, shape: __torch__.tandem.model.Shape,
             adapters: __torch__.tandem.adapter.change.Changes,
             spans: List[__torch__.tandem.adapter.change.Span], x: Tensor,
             chosen: Tensor, dy: Tensor) -> Tensor:
  all = __torch__.tandem.experts.rate(layer, x)
  rated = torch.gather(all, 1, chosen)
  weights = __torch__.tandem.experts.share(shape, rated)
  order = __torch__.tandem.experts.Order(chosen, shape.experts)
  sorted = torch.index_select(torch.reshape(torch.to(weights, x.dtype), [-1, 1]), 0, order.places)
  dxs = annotate(List[Tensor], [])
  dweights = annotate(List[Tensor], [])
  f = shape.activation
  at = 0
  for expert in range(shape.experts):
    end = at + order.counts[expert]
    if end > at:
      rows = order.rows[at : end]
      mine, dmine = torch.index_select(x, 0, rows), torch.index_select(dy, 0, rows)
      index = 2 + 2 * expert
      gate_up = __torch__.tandem.linears.project_again(layer, index, adapters, spans, mine)
      act, opened = __torch__.tandem.ops.gated.forward(gate_up, f)
      y = __torch__.tandem.linears.project_again(layer, index + 1, adapters, spans, act)
      dweights.append(torch.sum(torch.mul(torch.to(dmine, 6), y), [1]))
      dact = __torch__.tandem.linears.project_backward(
          layer, index + 1, adapters, spans, act,
          torch.mul(dmine, sorted[at : end]))
      dgate_up = __torch__.tandem.ops.gated.backward(dact, gate_up, opened, f)
      dx = __torch__.tandem.linears.project_backward(layer, index, adapters, spans,
                                                     mine, dgate_up)
      dxs.append(torch.to(dx, 6))
    at = end
  dx = __torch__.tandem.experts.gather(order, dxs, torch.to(x, 6))
  dflat = torch.zeros_like(torch.reshape(rated, [-1]))
  if len(dweights) > 0:
    torch.index_copy_(dflat, 0, order.places, torch.cat(dweights))
  drated = torch.view(dflat, rated.size())
  if shape.shared:
    along = torch.sum(torch.mul(drated, weights), [1], True)
    drated = torch.div(torch.sub(drated, along), torch.sum(rated, [1], True))
  dall = torch.scatter(torch.zeros_like(all), 1, chosen, drated)
  dlogits = torch._softmax_backward_data(dall, all, -1, 6)
  router = unchecked_cast(Tensor, layer.router)
  return torch.addmm(dx, dlogits, torch.to(router, 6))
