// Tenants, their keys and quotas, and what they have used.

import {download, get, list, post, remove} from './api.js';
import {action, button, dialog, el, field, notice, number, select, table, time} from './dom.js';

const PROJECTS = '/v1/organization/projects';
const USAGE = '/v1/organization/usage/completions';
const DAYS = 7;
const LIMITS = {
  requests_per_minute: 'Requests per minute',
  tokens_per_minute: 'Tokens per minute',
  concurrent_sequences: 'Answers at once',
  training_tokens_per_day: 'Training tokens per day',
  adapters: 'Adapters',
  file_bytes: 'Bytes of files',
  weight: 'Share of the device, as a weight',
};

const since = () => Math.floor(Date.now() / 1000) - (DAYS - 1) * 86400;

/** Of each tenant, summed over the days. */
async function used() {
  const page = await get(`${USAGE}?start_time=${since()}&limit=${DAYS}&group_by=project_id`);
  const sums = new Map();
  for (const result of page.data.flatMap(day => day.results)) {
    const sum = sums.get(result.project_id) ?? {requests: 0, input: 0, output: 0, trained: 0};
    sum.requests += result.num_model_requests;
    sum.input += result.input_tokens;
    sum.output += result.output_tokens;
    sum.trained += result.trained_tokens ?? 0;
    sums.set(result.project_id, sum);
  }
  return sums;
}

async function quota(tenant, reload) {
  await dialog(`Quota of ${tenant.name}`, Object.entries(LIMITS).map(([name, label]) =>
      field(`${label}; no limit if empty`, el('input',
          {type: 'number', name, min: 0, step: name === 'weight' ? 'any' : 1, value: tenant.quota[name] ?? ''}))),
  'Set', async form => {
    const wanted = {};
    for (const name of Object.keys(LIMITS)) {
      if (form.get(name) !== '') {
        wanted[name] = Number(form.get(name));
      }
    }
    await post(`${PROJECTS}/${tenant.id}`, {quota: wanted});
    await reload();
  });
}

async function keys(tenant) {
  const rows = el('div');
  const path = `${PROJECTS}/${tenant.id}/api_keys`;
  async function reload() {
    const found = await list(path);
    rows.replaceChildren(table(['Key', 'Role', 'Last used', ''], found.map(key => [
      el('span', {}, key.name, el('br'), el('span', {class: 'mono'}, key.redacted_value)), key.role, time(key.last_used_at),
      button('Delete', action(async () => {
        if (confirm(`Delete the key '${key.name}'? Its requests are refused from then on.`)) {
          await remove(`${path}/${key.id}`);
          await reload();
        }
      }), {class: 'bad'}),
    ]), 'No keys yet.'));
  }
  await reload();
  await dialog(`Keys of ${tenant.name}`, [
    rows,
    el('h3', {}, 'New key'),
    field('Name', el('input', {name: 'name', required: true})),
    field('Role', select('role', ['inference', 'finetune', 'admin'])),
  ], 'Make a key', async form => {
    const made = await post(path, {name: form.get('name'), role: form.get('role')});
    await dialog('The new key', [
      el('p', {}, 'Copy it now: it is not shown again.'),
      el('p', {}, el('code', {}, made.value)),
    ], 'Copy', async () => {
      await navigator.clipboard.writeText(made.value);
      notice('The key is in the clipboard.');
    });
  });
}

export async function tenants(place) {
  const rows = el('div');
  place.append(el('section', {class: 'card'},
      el('div', {class: 'row spread'},
          el('h2', {}, `Tenants, and what they used in the last ${DAYS} days`),
          el('div', {class: 'row'},
              button('Usage as CSV', action(() => download(`${USAGE}?start_time=${since()}&limit=${DAYS}&format=csv`, 'usage.csv'))),
              button('New tenant…', action(() => dialog('New tenant',
                  [field('Name', el('input', {name: 'name', required: true}))], 'Create', async form => {
                    await post(PROJECTS, {name: form.get('name')});
                    await reload();
                  })), {class: 'main'}))),
      rows));

  async function reload() {
    const [found, usage] = await Promise.all([list(PROJECTS), used()]);
    rows.replaceChildren(table(
        ['Tenant', '#Requests', '#Prompt tokens', '#Answer tokens', '#Training tokens', 'Quota', ''],
        found.map(tenant => {
          const sum = usage.get(tenant.id) ?? {requests: 0, input: 0, output: 0, trained: 0};
          return [
            el('span', {}, tenant.name, el('br'), el('span', {class: 'mono faint'}, tenant.id)),
            number(sum.requests), number(sum.input), number(sum.output), number(sum.trained),
            Object.entries(tenant.quota).filter(([, limit]) => limit !== null)
                .map(([name, limit]) => `${name.replaceAll('_', ' ')}: ${number(limit)}`).join(', '),
            el('div', {class: 'row'},
                button('Keys…', action(() => keys(tenant))),
                button('Quota…', action(() => quota(tenant, reload)))),
          ];
        }), 'No tenants.'));
  }

  await reload();
  return () => {};
}
