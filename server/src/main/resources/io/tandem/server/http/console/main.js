// Which view is shown, and the key that all of them use.

import {ApiError, get, key} from './api.js';
import {action, el, field, notice} from './dom.js';
import {adapters} from './adapters.js';
import {jobs} from './jobs.js';
import {overview} from './overview.js';
import {playground} from './playground.js';
import {tenants} from './tenants.js';

/** A view draws into its place and returns what ends it. */
const VIEWS = {
  overview: ['Overview', overview],
  jobs: ['Jobs', jobs],
  adapters: ['Adapters', adapters],
  tenants: ['Tenants', tenants],
  playground: ['Playground', playground],
};

const main = document.getElementById('main');
const nav = document.getElementById('views');
const signOut = document.getElementById('sign-out');
let end = null;

function signIn(message) {
  end?.();
  end = null;
  nav.hidden = true;
  const secret = el('input', {type: 'password', name: 'key', required: true, autocomplete: 'off', autofocus: true});
  main.replaceChildren(el('form', {class: 'card sign-in', onsubmit: action(async () => {
    key.set(secret.value.trim());
    await start();
  })},
      el('h2', {}, 'This server needs a key'),
      field('API key', secret),
      message && el('p', {class: 'tag bad', role: 'alert'}, message),
      el('button', {class: 'main'}, 'Open the console'),
      el('p', {class: 'faint'}, 'It is kept until this tab is closed. What you see depends on its tenant and role.')));
  secret.focus();
}

async function show() {
  const [, name, rest] = /^#\/?(\w*)\/?(.*)$/.exec(location.hash || '#overview') ?? [];
  const [title, view] = VIEWS[name] ?? VIEWS.overview;
  end?.();
  end = null;
  document.title = `${title} · Tandem console`;
  for (const link of nav.children) {
    if (link.textContent === title) {
      link.setAttribute('aria-current', 'page');
    } else {
      link.removeAttribute('aria-current');
    }
  }
  const place = el('div');
  main.replaceChildren(place);
  try {
    const ending = await view(place, decodeURIComponent(rest ?? ''));
    if (place.isConnected) {
      end = ending;
    } else {
      ending?.();
    }
  } catch (failure) {
    if (failure instanceof ApiError && failure.status === 401) {
      signIn('The key is not one of this server.');
    } else if (failure instanceof ApiError && failure.status === 403) {
      place.replaceChildren(el('p', {class: 'card'}, failure.message));
    } else {
      notice(failure.message, true);
    }
  }
}

async function start() {
  signOut.hidden = !key.get();
  try {
    await get('/v1/models');
  } catch (failure) {
    if (failure.status === 401) {
      const message = key.get() ? 'The key is not one of this server.' : '';
      key.forget();
      signIn(message);
      return;
    }
    notice(failure.message, true);
  }
  nav.hidden = false;
  await show();
}

nav.append(...Object.entries(VIEWS).map(([name, [title]]) => el('a', {href: `#${name}`}, title)));
signOut.addEventListener('click', () => {
  key.forget();
  start();
});
addEventListener('hashchange', () => {
  if (!nav.hidden && location.hash !== '#main') {
    show();
  }
});
start();
