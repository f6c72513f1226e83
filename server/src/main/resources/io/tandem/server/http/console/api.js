// The server's API, with the key of this browser tab.

const KEY = 'tandem.key';

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: value => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

async function send(path, options = {}) {
  const headers = new Headers(options.headers);
  if (key.get()) {
    headers.set('Authorization', `Bearer ${key.get()}`);
  }
  let answer;
  try {
    answer = await fetch(`..${path}`, {...options, headers});
  } catch (failure) {
    if (failure.name === 'AbortError') {
      throw failure;
    }
    throw new ApiError(0, 'The server does not answer.');
  }
  if (!answer.ok) {
    const body = await answer.json().catch(() => null);
    throw new ApiError(answer.status, body?.error?.message ?? `The server answered ${answer.status}.`);
  }
  return answer;
}

export async function get(path) {
  return (await send(path)).json();
}

export async function text(path) {
  return (await send(path)).text();
}

export async function post(path, body = {}) {
  const headers = {'Content-Type': 'application/json'};
  return (await send(path, {method: 'POST', headers, body: JSON.stringify(body)})).json();
}

export async function remove(path) {
  return (await send(path, {method: 'DELETE'})).json();
}

export async function upload(file, purpose) {
  const body = new FormData();
  body.set('purpose', purpose);
  body.set('file', file);
  return (await send('/v1/files', {method: 'POST', body})).json();
}

/** Has the browser save what a path answers with. */
export async function download(path, name) {
  const url = URL.createObjectURL(await (await send(path)).blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** Objects of a list, page by page, until there are no more or so many, or one comes that is known already. */
export async function list(path, most = 1000, known = null) {
  const found = [];
  const size = known === null ? 1000 : 100;
  let after = '';
  while (found.length < most) {
    const join = path.includes('?') ? '&' : '?';
    const page = await get(`${path}${join}limit=${Math.min(size, most - found.length)}${after}`);
    const end = page.data.findIndex(object => object.id === known);
    found.push(...(end < 0 ? page.data : page.data.slice(0, end)));
    if (end >= 0 || !page.has_more || page.data.length === 0) {
      break;
    }
    after = `&after=${encodeURIComponent(page.last_id)}`;
  }
  return found;
}

/** Calls back with each event of a stream, which has an end of its own: one that only stops was cut off. */
export async function stream(path, body, signal, onEvent) {
  const headers = {'Content-Type': 'application/json'};
  const answer = await send(path, {method: 'POST', headers, body: JSON.stringify(body), signal});
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const {done, value} = await reader.read().catch(failure => {
      if (failure.name === 'AbortError') {
        throw failure;
      }
      return {done: true};
    });
    if (done) {
      throw new ApiError(0, 'The answer was cut off.');
    }
    const events = (rest + value).split('\n\n');
    rest = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, '');
      if (data === '[DONE]') {
        return;
      }
      const parsed = JSON.parse(data);
      if (parsed.error) {
        throw new ApiError(parsed.error.code, parsed.error.message);
      }
      onEvent(parsed);
    }
  }
}
