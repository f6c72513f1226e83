// Adapters: where they are, what versions they have, and what can be made of them.

import {download, get, list, post, remove} from './api.js';
import {action, button, bytes, dialog, el, field, notice, select, table} from './dom.js';

const ADAPTERS = '/v1/adapters';

const path = adapter => `${ADAPTERS}/${encodeURIComponent(adapter.id)}`;

/** What a version is called within its adapter. */
const short = (version, adapter) => version.id.slice(adapter.id.length + 1);

async function merge(all, reload) {
  const description = await get('/openapi.json');
  const strategies = description.components.schemas.MergeStrategy.enum;
  const names = all.filter(adapter => !adapter.checkpoint).map(adapter => adapter.id);
  await dialog('Merge adapters', [
    el('fieldset', {}, el('legend', {}, 'Adapters'), ...names.map(name =>
        el('label', {}, el('input', {type: 'checkbox', name: 'ids', value: name}), name))),
    field('Strategy', select('strategy', strategies, 'linear')),
    field('Weights, one for each, such as 0.7, 0.3; 1 if empty', el('input', {name: 'weights'})),
    field('Density, for strategies that prune', el('input', {type: 'number', name: 'density', min: 0, max: 1, step: 'any'})),
    field('Name of the merge', el('input', {name: 'name', required: true})),
  ], 'Merge', async form => {
    const request = {name: form.get('name'), ids: form.getAll('ids'), merge_strategy: form.get('strategy')};
    const weights = form.get('weights').split(/[\s,]+/).filter(weight => weight !== '');
    if (weights.length > 0) {
      request.weights = weights.map(Number);
    }
    if (form.get('density') !== '') {
      request.density = Number(form.get('density'));
    }
    const made = await post(`${ADAPTERS}/merge`, request);
    notice(`'${made.id}' can be called now.`);
    await reload();
  });
}

async function compress(adapter, reload) {
  await dialog(`Compress ${adapter.id}`, [
    field('Density: the share of the parameters that stay', el('input',
        {type: 'number', name: 'density', min: 0.01, max: 1, step: 'any', value: 0.2, required: true})),
    field('Scale; chosen by itself if empty', el('input', {type: 'number', name: 'alpha', min: 0, step: 'any'})),
  ], 'Compress', async form => {
    const request = {density: Number(form.get('density'))};
    if (form.get('alpha') !== '') {
      request.alpha = Number(form.get('alpha'));
    }
    await post(`${path(adapter)}/compress`, request);
    notice(`'${adapter.id}' has a compressed version.`);
    await reload();
  });
}

async function canary(adapter, reload) {
  const others = adapter.versions.map(version => short(version, adapter)).filter(version => version !== adapter.version);
  await dialog(`Canary of ${adapter.id}`, [
    field('The other version', select('version', others, adapter.canary?.version ?? others.at(-1))),
    field('Percent of the requests that it answers; 100 makes it the current one, 0 ends it', el('input',
        {type: 'number', name: 'percent', min: 0, max: 100, step: 'any', value: adapter.canary?.percent ?? 10, required: true})),
  ], 'Set', async form => {
    await post(`${path(adapter)}/canary`, {version: form.get('version'), percent: Number(form.get('percent'))});
    await reload();
  });
}

function actions(adapter, reload) {
  const does = (verb, work, properties) => button(verb, action(async () => {
    await work();
    await reload();
  }), properties);
  return el('div', {class: 'row', role: 'group', 'aria-label': adapter.id},
      button('Compress…', action(() => compress(adapter, reload))),
      does(adapter.pinned ? 'Unpin' : 'Pin', () => post(`${path(adapter)}/pin`, {pinned: !adapter.pinned})),
      adapter.versions.length > 1 && button('Canary…', action(() => canary(adapter, reload))),
      adapter.versions.length > 1 && does('Roll back', () => post(`${path(adapter)}/rollback`)),
      button('Export', action(() => download(`${path(adapter)}/export`, `${adapter.id.replace(/[^\w.-]/g, '_')}.zip`))),
      does('Delete', async () => {
        if (confirm(`Delete ${adapter.id} and all its versions?`)) {
          await remove(path(adapter));
        }
      }, {class: 'bad'}));
}

function versions(adapter) {
  return el('details', {}, el('summary', {}, `${adapter.versions.length}`),
      ...adapter.versions.map(version => el('p', {class: 'mono'},
          `${short(version, adapter) === adapter.version ? '● ' : ''}${version.id} ${version.form ?? ''} ${bytes(version.bytes ?? 0)} ${version.tier ?? ''}`)));
}

export async function adapters(place) {
  const rows = el('div');
  const checkpoints = el('input', {type: 'checkbox', onchange: () => draw()});
  let all = [];
  place.append(el('section', {class: 'card'},
      el('div', {class: 'row spread'},
          el('h2', {}, 'Adapters'),
          el('div', {class: 'row'},
              el('label', {class: 'row'}, checkpoints, 'checkpoints of jobs too'),
              button('Merge…', action(() => merge(all, reload)), {class: 'main'}))),
      rows));

  function draw() {
    rows.replaceChildren(table(['Name', 'Tier', '#Size', 'Version', 'Versions', 'Canary', 'Labels', ''],
        all.filter(adapter => checkpoints.checked || !adapter.checkpoint).map(adapter => [
          el('a', {href: `#playground/${encodeURIComponent(adapter.id)}`}, adapter.id),
          el('span', {class: 'tag'}, adapter.tier + (adapter.pinned ? ', pinned' : '')),
          bytes(adapter.bytes),
          el('span', {class: 'mono'}, adapter.version),
          versions(adapter),
          adapter.canary ? `${adapter.canary.percent} % ${adapter.canary.version}` : '',
          Object.entries(adapter.labels).map(([label, text]) => `${label}=${text}`).join(', '),
          actions(adapter, reload),
        ]), 'No adapters yet. Train one, or upload one with POST /v1/adapters.'));
  }

  async function reload() {
    all = await list(ADAPTERS);
    draw();
  }

  await reload();
  return () => {};
}
