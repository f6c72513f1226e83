// Fine-tuning jobs: what they do now, and how their loss falls.

import {get, list, post, remove, upload} from './api.js';
import {chart} from './charts.js';
import {action, button, dialog, el, field, notice, number, select, table, time} from './dom.js';

const JOBS = '/v1/fine_tuning/jobs';
const EVERY_MILLIS = 3000;
const OPEN = ['validating_files', 'queued', 'running', 'paused'];
const COLOURS = {succeeded: 'good', failed: 'bad', paused: 'warn'};

function status(job) {
  return el('span', {class: `tag ${COLOURS[job.status] ?? ''}`}, job.status);
}

function method(job) {
  return job.method?.type === 'search' ? 'search' : job.hyperparameters?.peft ?? 'lora';
}

/** What can be done with a job as it stands. */
function actions(job, reload) {
  const path = `${JOBS}/${job.id}`;
  const to = verb => button(verb, action(async () => {
    await post(`${path}/${verb.toLowerCase()}`);
    await reload();
  }));
  const open = OPEN.includes(job.status);
  return el('div', {class: 'row'},
      open && job.status !== 'paused' && to('Pause'),
      job.status === 'paused' && to('Resume'),
      open && to('Cancel'),
      !open && button('Delete', action(async () => {
        if (confirm(`Delete job ${job.id}? Its adapter stays.`)) {
          await remove(path);
          await reload();
        }
      }), {class: 'bad'}));
}

async function create(reload) {
  const [models, description] = await Promise.all([get('/v1/models'), get('/openapi.json')]);
  const base = models.data.filter(model => !model.parent).map(model => model.id);
  const methods = description.components.schemas.Hyperparameters.properties.peft.enum;
  const file = name => el('input', {type: 'file', name, accept: '.jsonl,.csv', required: name === 'training'});
  await dialog('Train an adapter', [
    field('Base model', select('model', base)),
    field('Training file (JSONL)', file('training')),
    field('Validation file, if there is one', file('validation')),
    field('Method', select('peft', methods, 'lora')),
    field('Epochs', el('input', {type: 'number', name: 'epochs', min: 1, max: 50, value: 3})),
    field('Suffix of its name', el('input', {name: 'suffix', pattern: '[A-Za-z0-9][A-Za-z0-9._-]*'})),
  ], 'Train', async form => {
    const request = {
      model: form.get('model'),
      training_file: (await upload(form.get('training'), 'fine-tune')).id,
      hyperparameters: {peft: form.get('peft'), n_epochs: Number(form.get('epochs'))},
    };
    if (form.get('validation').size > 0) {
      request.validation_file = (await upload(form.get('validation'), 'fine-tune')).id;
    }
    if (form.get('suffix')) {
      request.suffix = form.get('suffix');
    }
    const job = await post(JOBS, request);
    notice(`${job.id} is queued.`);
    await reload();
  });
}

/** Losses by step, as a chart has them. */
function curves(events) {
  const steps = new Map();
  for (const {type, data} of events) {
    if (type === 'metrics' && Number.isInteger(data.step)) {
      const at = steps.get(data.step) ?? {};
      steps.set(data.step, {
        train: data.train_loss ?? at.train,
        valid: data.full_valid_loss ?? data.valid_loss ?? at.valid,
      });
    }
  }
  const sorted = [...steps].sort((a, b) => a[0] - b[0]);
  return [sorted.map(([step]) => step),
    ...['train', 'valid'].map(name => sorted.map(([, losses]) => losses[name] ?? null))];
}

async function detail(place, id) {
  const losses = chart('Loss by step', ['training', 'validation']);
  const head = el('div');
  const log = el('div');
  place.append(
      el('p', {}, el('a', {href: '#jobs'}, '← All jobs')),
      el('section', {class: 'card'}, head),
      el('section', {class: 'card'}, el('h2', {}, 'Loss'), losses.place),
      el('section', {class: 'card'}, el('h2', {}, 'Events'), log));

  async function reload() {
    const path = `${JOBS}/${encodeURIComponent(id)}`;
    const [job, events, checkpoints] = await Promise.all(
        [get(path), list(`${path}/events`, 3000), list(`${path}/checkpoints`, 20)]);
    const model = job.fine_tuned_model ?? checkpoints[0]?.fine_tuned_model_checkpoint;
    head.replaceChildren(
        el('div', {class: 'row spread'}, el('h2', {}, job.id), actions(job, reload)),
        table(['Status', 'Method', '#Trained tokens', 'Created', 'Expected end', 'Result'], [[
          status(job), method(job), number(job.trained_tokens), time(job.created_at),
          job.finished_at ? '' : time(job.estimated_finish), job.fine_tuned_model ?? '',
        ]], ''),
        job.error?.message ? el('p', {class: 'tag bad', role: 'alert'}, job.error.message) : '',
        model ? el('p', {}, el('a', {href: `#playground/${encodeURIComponent(model)}`}, `Sample ${model} beside the base model`)) : '');
    losses.show(curves(events));
    log.replaceChildren(table(['Time', 'Event'],
        events.slice(0, 200).map(event => [time(event.created_at), event.message]), 'Nothing has happened yet.'));
    return job;
  }

  let job = await reload();
  const timer = setInterval(async () => {
    if (!document.hidden && OPEN.includes(job.status)) {
      job = await reload().catch(() => job);
    }
  }, EVERY_MILLIS);
  return () => {
    clearInterval(timer);
    losses.close();
  };
}

export async function jobs(place, id) {
  if (id) {
    return detail(place, id);
  }
  const rows = el('div');
  place.append(el('section', {class: 'card'},
      el('div', {class: 'row spread'},
          el('h2', {}, 'Fine-tuning jobs'),
          button('Train an adapter…', action(() => create(reload)), {class: 'main'})),
      rows));

  async function reload() {
    const found = await list(JOBS, 200);
    rows.replaceChildren(table(['Job', 'Status', 'Method', '#Trained tokens', 'Created', 'Result', ''],
        found.map(job => [
          el('a', {href: `#jobs/${job.id}`}, job.id), status(job), method(job), number(job.trained_tokens),
          time(job.created_at), job.fine_tuned_model ?? job.error?.message ?? '', actions(job, reload),
        ]), 'No jobs yet. Train an adapter, or use POST /v1/fine_tuning/jobs.'));
  }

  await reload();
  // A row that somebody is at must not be replaced under their fingers.
  const timer = setInterval(() => {
    if (!document.hidden && !rows.contains(document.activeElement)) {
      reload().catch(() => {});
    }
  }, EVERY_MILLIS);
  return () => clearInterval(timer);
}
