// Fine-tuning jobs: what they do now, and how their loss falls.

import {get, list, post, remove, upload} from './api.js';
import {chart} from './charts.js';
import {action, button, dialog, el, field, notice, number, refresh, select, table, time} from './dom.js';
import {comparison} from './playground.js';

const JOBS = '/v1/fine_tuning/jobs';
const EVERY_MILLIS = 3000;
const MOST = 200;
const MOST_EVENTS = 3000;
const OPEN = ['validating_files', 'queued', 'running', 'paused'];
const COLOURS = {succeeded: 'good', failed: 'bad', paused: 'warn'};

function status(job) {
  return el('span', {class: `tag ${COLOURS[job.status] ?? ''}`}, job.status);
}

function method(job) {
  const type = job.method?.type;
  return ['search', 'distill'].includes(type) ? type : job.hyperparameters?.peft ?? 'lora';
}

/** What came of a job: a model that can be called, or a base model in the data directory. */
function result(job) {
  return job.fine_tuned_model ?? job.fine_tuned_base ?? '';
}

/**
 * What can be done with a job as it stands.
 *
 * @param leave called when it is no more
 */
function actions(job, reload, leave = reload) {
  const path = `${JOBS}/${job.id}`;
  const to = verb => button(verb, action(async () => {
    await post(`${path}/${verb.toLowerCase()}`);
    await reload();
  }));
  const open = OPEN.includes(job.status);
  return el('div', {class: 'row', role: 'group', 'aria-label': job.id},
      open && job.status !== 'paused' && to('Pause'),
      job.status === 'paused' && to('Resume'),
      open && to('Cancel'),
      !open && button('Delete', action(async () => {
        if (confirm(`Delete job ${job.id}? Its adapter stays.`)) {
          await remove(path);
          await leave();
        }
      }), {class: 'bad'}));
}

async function create(reload) {
  const [models, description] = await Promise.all([get('/v1/models'), get('/openapi.json')]);
  const base = models.data.filter(model => !model.parent).map(model => model.id);
  const methods = description.components.schemas.Hyperparameters.properties.peft.enum;
  const file = name => el('input', {type: 'file', name, accept: '.jsonl,.json,.csv', required: name === 'training'});
  await dialog('Train an adapter', [
    field('Base model', select('model', base)),
    field('Training file (JSONL, JSON or CSV)', file('training')),
    field('Validation file, if there is one', file('validation')),
    field('Method', select('peft', methods, 'lora')),
    field('Epochs', el('input', {type: 'number', name: 'epochs', min: 1, max: 50, value: 3})),
    field('Suffix of its name', el('input', {name: 'suffix', pattern: '[A-Za-z0-9][A-Za-z0-9._\\-]*'})),
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
  /** What the job has made so far. */
  let model = null;
  let asked = null;
  const summary = el('summary');
  const samples = el('details', {class: 'samples', hidden: true, ontoggle: action(async () => {
    if (samples.open) {
      asked ??= await comparison(model);
      samples.replaceChildren(summary, asked.place);
      asked.focus();
    }
  })}, summary);
  place.append(
      el('p', {}, el('a', {href: '#jobs'}, '← All jobs')),
      el('section', {class: 'card'}, head),
      samples,
      el('section', {class: 'card'}, el('h2', {}, 'Loss'), losses.place),
      el('section', {class: 'card'}, el('h2', {}, 'Events'), log));

  function describe(job) {
    head.replaceChildren(
        el('div', {class: 'row spread'}, el('h2', {}, job.id), actions(job, reload, () => {
          location.hash = '#jobs';
        })),
        table(['Status', 'Method', '#Trained tokens', 'Created', 'Expected end', 'Result'], [[
          status(job), method(job), number(job.trained_tokens), time(job.created_at),
          job.finished_at ? '' : time(job.estimated_finish), result(job),
        ]], ''),
        job.error?.message ? el('p', {class: 'tag bad', role: 'alert'}, job.error.message) : '');
  }

  /** Offers to ask the newest of what the job has made. */
  function offer(newest) {
    model = newest;
    samples.hidden = !model;
    if (model) {
      summary.textContent = `Sample ${model} beside the base model`;
      asked?.suggest(model);
    }
  }

  let shown = null;
  let events = [];
  let loading = Promise.resolve();
  /** One after the other, so that each asks only for the events that are not here yet. */
  function reload() {
    loading = loading.catch(() => {}).then(load);
    return loading;
  }

  async function load() {
    const path = `${JOBS}/${encodeURIComponent(id)}`;
    const [job, news, checkpoints] = await Promise.all(
        [get(path), list(`${path}/events`, MOST_EVENTS, events[0]?.id), list(`${path}/checkpoints`, 20)]);
    events = [...news, ...events].slice(0, MOST_EVENTS);
    // Whoever is at a button keeps it for as long as it does the same.
    if (shown?.status !== job.status || !head.contains(document.activeElement)) {
      describe(job);
    }
    shown = job;
    offer(job.fine_tuned_model ?? checkpoints[0]?.fine_tuned_model_checkpoint);
    losses.show(curves(events));
    log.replaceChildren(table(['Time', 'Event'],
        events.slice(0, 200).map(event => [time(event.created_at), event.message]), 'Nothing has happened yet.'));
  }

  await reload();
  const end = refresh(place, EVERY_MILLIS, async () => {
    if (OPEN.includes(shown.status)) {
      await reload();
    }
  });
  return () => {
    end();
    losses.close();
    asked?.close();
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
    const found = await list(JOBS, MOST);
    rows.replaceChildren(table(['Job', 'Status', 'Method', '#Trained tokens', 'Created', 'Result', ''],
        found.map(job => [
          el('a', {href: `#jobs/${job.id}`}, job.id), status(job), method(job), number(job.trained_tokens),
          time(job.created_at), result(job) || (job.error?.message ?? ''), actions(job, reload),
        ]), 'No jobs yet. Train an adapter, or use POST /v1/fine_tuning/jobs.'),
    found.length < MOST ? '' : el('p', {class: 'faint'}, `Only the newest ${MOST} jobs are shown.`));
  }

  await reload();
  // A row that somebody is at must not be replaced under their fingers.
  return refresh(place, EVERY_MILLIS, async () => {
    if (!rows.contains(document.activeElement)) {
      await reload();
    }
  });
}
