# What an iteration does from end to end: rows go forward through all layers, and windows of training rows back through
# some.

# x [N, C] the last layer's outputs -> logits of the wanted rows [S, V], and those of what may be drawn; groups: of
# full.logits
def wanted(model: __torch__.tandem.model.Model, full: __torch__.tandem.adapter.full.Full, x: Tensor,
           inputs: __torch__.tandem.inputs.Inputs, groups: List[int]) -> Tuple[Tensor, Tensor]:
  logits = __torch__.tandem.adapter.full.logits(full, model, torch.index_select(x, 0, inputs.wanted), groups,
                                                inputs.headed)
  logits = __torch__.tandem.sample.penalized(logits, inputs.repeated_at, inputs.repeated)
  if inputs.bias.size(0) > 0:
    logits = torch.index_put(logits, [inputs.bias_at[0], inputs.bias_at[1]], inputs.bias, True)
  drawn = logits
  if inputs.limited.size(0) > 0:
    drawn = __torch__.tandem.sample.limit(logits, inputs.limited, inputs.allowed)
  return (logits, drawn)

# logits, drawn: as above -> what sample.report says of the wanted tokens; top: how many log-probabilities are
# reported, -1 for none
def draw(logits: Tensor, drawn: Tensor, inputs: __torch__.tandem.inputs.Inputs, top: int) -> List[Tensor]:
  tokens = __torch__.tandem.sample.draw(drawn, inputs.plain, inputs.filtered, inputs.options)
  if inputs.scored.size(1) > 0:
    tokens = torch.index_copy(tokens, 0, inputs.scored[0], inputs.scored[1])
  return __torch__.tandem.sample.report(logits, tokens, top)

# batch: all rows -> what the first layer gets of them [N, C]; layout, taught: as in forward
def embed(model: __torch__.tandem.model.Model, adapters: __torch__.tandem.adapter.change.Changes,
          arena: __torch__.tandem.arena.Arena, inputs: __torch__.tandem.inputs.Inputs,
          batch: __torch__.tandem.batch.Batch, layout: List[List[int]],
          teacher: __torch__.tandem.teacher.Teacher, taught: bool) -> Tensor:
  inference, rows = batch.inference_rows, inputs.rows.size(1)
  if rows > inference:
    first = batch.window_from
    end = first + rows - inference
    for table in range(len(batch.cos)):
      torch.copy_(arena.cos[table][first : end], batch.cos[table][inference:])
      torch.copy_(arena.sin[table][first : end], batch.sin[table][inference:])
    if taught:
      __torch__.tandem.teacher.forward_(teacher, inputs.rows[0, inference:], inputs.rows[1, inference:],
                                        layout[2])
  return __torch__.tandem.model.embed(model, inputs.rows[0], adapters.prompts, inputs.virtual, adapters.full,
                                      layout[8], inputs.embedded)

# numbers, sizes: as in inputs.Inputs. singles, layout, mixed: as in depth.new; from number 8 on groups of full.embed
# and of full.logits, and whose head the window has, as in full.head, and whether it learns.
# top: as in draw. learning: as in loss.forward_backward_. taught: whether it learns from the teacher. exits: weight of
# what would be drawn behind each loop of a recursive model but the last, 0 if that does not learn.
# Returns what results does.
def forward(model: __torch__.tandem.model.Model, cache: __torch__.tandem.cache.Cache,
            adapters: __torch__.tandem.adapter.change.Changes,
            singles: List[__torch__.tandem.adapter.row_adapters.Singles],
            arena: __torch__.tandem.arena.Arena, teacher: __torch__.tandem.teacher.Teacher,
            numbers: Tensor, sizes: List[int], layout: List[List[int]], mixed: bool, top: int,
            learning: int, taught: bool, exits: float) -> List[Tensor]:
  inputs = __torch__.tandem.inputs.Inputs(torch.to(numbers, model.embedding.device), sizes)
  depth = __torch__.tandem.depth.new(model, adapters, singles, inputs, layout, mixed)
  batch = depth.batches[0]
  x = __torch__.tandem.iteration.embed(model, adapters, arena, inputs, batch, layout, teacher, taught)
  for number in range(len(model.layers)):
    x = __torch__.tandem.depth.forward(depth, model, number, x, cache, adapters, arena)
    if exits > 0.:
      __torch__.tandem.iteration.exit_(model, adapters.full, number, x, arena, teacher, inputs, batch, layout,
                                       learning, taught, exits)
  return __torch__.tandem.iteration.results(model, adapters.full, x, arena, teacher, inputs, batch, layout, top,
                                            learning, taught)

# x [N, C] the last layer's outputs; the rest as in forward.
# Returns what draw does of the wanted tokens if there are any, the pooled rows' states [p, C] if there are any, what
# batch.observe_ saw of observed rows [n, 2 layers, C] if there are any, and the scores of loss.forward_backward_ if
# there is a window.
def results(model: __torch__.tandem.model.Model, full: __torch__.tandem.adapter.full.Full, x: Tensor,
            arena: __torch__.tandem.arena.Arena, teacher: __torch__.tandem.teacher.Teacher,
            inputs: __torch__.tandem.inputs.Inputs, batch: __torch__.tandem.batch.Batch,
            layout: List[List[int]], top: int, learning: int, taught: bool) -> List[Tensor]:
  results = annotate(List[Tensor], [])
  if inputs.wanted.size(0) > 0:
    logits, drawn = __torch__.tandem.iteration.wanted(model, full, x, inputs, layout[9])
    results = __torch__.tandem.iteration.draw(logits, drawn, inputs, top)
  if inputs.pooled.size(0) > 0:
    last = torch.index_select(x, 0, inputs.pooled)
    results.append(torch.to(__torch__.tandem.ops.norm.forward(model.norm, last), 6))
  if len(batch.seen) > 0:
    results.append(torch.to(torch.stack(batch.seen, 1), 6))
  inference, rows = batch.inference_rows, inputs.rows.size(1)
  if rows > inference:
    first = batch.window_from
    slot, learns = layout[10]
    if learns == 1:
      torch.copy_(arena.last[first : first + rows - inference], x[inference:])
    results.append(__torch__.tandem.loss.forward_backward_(
        model, arena, x[inference:], first, inputs.learned, learning,
        __torch__.tandem.adapter.full.head(full, slot), teacher, taught))
  return results

# x [N, C] what a layer made of all rows. If one of the recursive model's loops ends there, but not the last, what would
# be drawn of the window learns.
def exit_(model: __torch__.tandem.model.Model, full: __torch__.tandem.adapter.full.Full, number: int, x: Tensor,
          arena: __torch__.tandem.arena.Arena, teacher: __torch__.tandem.teacher.Teacher,
          inputs: __torch__.tandem.inputs.Inputs, batch: __torch__.tandem.batch.Batch,
          layout: List[List[int]], learning: int, taught: bool, weight: float) -> None:
  block = len(model.layers) // (len(arena.exits) + 1)
  loop = (number + 1) // block
  if (number + 1) % block == 0 and loop <= len(arena.exits) and x.size(0) > batch.inference_rows:
    slot, learns = layout[10]
    __torch__.tandem.loss.exit_(
        model, arena, loop - 1, x[batch.inference_rows :], batch.window_from, inputs.learned, learning,
        __torch__.tandem.adapter.full.head(full, slot), teacher, taught, weight)

# stacks: for each trainee its slots, ranks and scaled as in change.stack.
# units: for each window of a layer the numbers layer, start, end, and how many trainees it has rows of;
# for each of those, in the order of the rows, which one it is, how many rows and how many sequences;
# and for each of these five numbers as in Batch.
# learned: as in full.backward_head_, embedded: as in full.backward_embedding_, of the first trainee: with
# modules in full it is the only one. first: the first layer that the rows go through. taught: as in forward. exits: the
# layers that get the gradients of arena.exits, loop by loop; none if there are none.
def backward_(model: __torch__.tandem.model.Model, adapters: __torch__.tandem.adapter.change.Changes,
              trainees: List[__torch__.tandem.adapter.trainee.Trainee],
              arena: __torch__.tandem.arena.Arena, teacher: __torch__.tandem.teacher.Teacher,
              stacks: List[List[int]], lane: int, units: List[int], learned: List[int],
              embedded: List[int], first: int, taught: bool, exits: List[int]) -> None:
  alone = trainees[0]
  __torch__.tandem.adapter.full.backward_head_(alone.full, lane, adapters.full, alone.slot, model, arena,
                                               learned, teacher, taught)
  made = annotate(List[__torch__.tandem.adapter.change.Stack], [])
  for i in range(len(trainees)):
    slots, ranks, scaled = stacks[3 * i : 3 * i + 3]
    made.append(__torch__.tandem.adapter.change.stack(adapters, trainees[i], lane, slots, ranks,
                                                      scaled))
  at = 0
  while at < len(units):
    number, start, end, count = units[at : at + 4]
    at = at + 4
    spans = annotate(List[__torch__.tandem.adapter.change.Span], [])
    row = 0
    for i in range(count):
      which, rows, sequences = units[at : at + 3]
      windows = units[at + 3 : at + 3 + 5 * sequences]
      at = at + 3 + 5 * sequences
      spans.append(__torch__.tandem.adapter.change.Span(made[which], row, row + rows, windows))
      row = row + rows
    for loop in range(len(exits)):
      if exits[loop] == number:
        torch.add_(arena.dx[start : end], arena.exits[loop][start : end])
    __torch__.tandem.block.backward_(model, number, start, end, spans, adapters, arena)
    if number == first:
      for span in spans:
        __torch__.tandem.adapter.prompt.backward_(span.stack.trainee.prompt, lane, span.windows,
                                                  arena.dx, model.embedding_scale)
  __torch__.tandem.adapter.full.backward_embedding_(alone.full, lane, arena.dx, embedded,
                                                    model.embedding_scale)
