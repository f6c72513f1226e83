// One question to two models, side by side.

import {get, stream} from './api.js';
import {action, button, el, field} from './dom.js';

/** A column: who answers, what comes, and how fast. */
function column(label, chosen) {
  const model = el('input', {list: 'models', name: 'model', value: chosen, required: true, autocomplete: 'off'});
  const output = el('div', {class: 'output', role: 'log', 'aria-label': `Answer of the ${label.toLowerCase()}`});
  const speed = el('p', {class: 'faint'}, '\u00a0');

  async function ask(path, request, signal) {
    output.textContent = '';
    speed.textContent = 'waiting…';
    const start = performance.now();
    let first = null;
    let usage = null;
    await stream(path, {...request, model: model.value, stream: true, stream_options: {include_usage: true}}, signal, event => {
      const choice = event.choices[0];
      const piece = choice?.delta?.content ?? choice?.delta?.reasoning_content ?? choice?.text ?? '';
      if (piece) {
        first ??= performance.now();
        output.append(piece);
      }
      usage = event.usage ?? usage;
    });
    const now = performance.now();
    const tokens = usage?.completion_tokens ?? 0;
    const rate = first !== null && tokens > 1 && now > first ? `, ${((tokens - 1) / (now - first) * 1000).toFixed(0)} tokens/s` : '';
    const wait = first === null ? '' : `, first after ${Math.round(first - start)} ms`;
    speed.textContent = `${tokens} tokens${wait}${rate}`;
  }

  return {
    place: el('section', {class: 'card'}, field(label, model), output, speed),
    model,
    async ask(path, request, signal) {
      try {
        await ask(path, request, signal);
      } catch (failure) {
        speed.textContent = failure.name === 'AbortError' ? 'stopped' : failure.message;
      }
    },
  };
}

/**
 * A form for the question, and two columns of answers.
 *
 * @param wanted the second model; any that there is if empty
 * @return its `place` and what can be done with it
 */
export async function comparison(wanted) {
  const models = (await get('/v1/models')).data;
  const base = models.find(model => !model.parent)?.id ?? '';
  let suggested = wanted || models.find(model => model.parent)?.id || base;
  const columns = [column('First model', base), column('Second model', suggested)];
  const prompt = el('textarea', {name: 'prompt', rows: 4, required: true});
  const kind = el('select', {name: 'kind'}, el('option', {value: 'chat'}, 'chat'), el('option', {value: 'completion'}, 'completion'));
  const most = el('input', {type: 'number', name: 'tokens', min: 1, max: 100000, value: 128});
  const heat = el('input', {type: 'number', name: 'temperature', min: 0, max: 2, step: 0.1, value: 0});
  let running = null;
  const stop = button('Stop', () => running?.abort(), {disabled: true});

  const form = el('form', {class: 'card', onsubmit: action(async () => {
    running = new AbortController();
    stop.disabled = false;
    const chat = kind.value === 'chat';
    const request = {max_tokens: Number(most.value), temperature: Number(heat.value)};
    if (chat) {
      request.messages = [{role: 'user', content: prompt.value}];
    } else {
      request.prompt = prompt.value;
    }
    try {
      await Promise.all(columns.map(each =>
          each.ask(chat ? '/v1/chat/completions' : '/v1/completions', request, running.signal)));
    } finally {
      stop.disabled = true;
      running = null;
    }
  })},
      field('Prompt', prompt),
      el('div', {class: 'row end'},
          field('As', kind), field('Most tokens', most), field('Temperature', heat),
          el('button', {class: 'main'}, 'Ask both'), stop));

  const place = el('div', {},
      el('datalist', {id: 'models'}, ...[...models.map(model => model.id), 'auto'].map(id => el('option', {value: id}))),
      form,
      el('div', {class: 'cards'}, ...columns.map(each => each.place)));
  return {
    place,
    focus: () => prompt.focus(),
    /** Names another second model, unless somebody has chosen one. */
    suggest(model) {
      if (columns[1].model.value === suggested) {
        columns[1].model.value = model;
      }
      suggested = model;
    },
    close: () => running?.abort(),
  };
}

export async function playground(place, wanted) {
  const {place: asking, focus, close} = await comparison(wanted);
  place.append(asking);
  focus();
  return close;
}
