// Elements without markup in strings: what comes from the server is text and never becomes HTML.

/** An element; properties that start with "on" are listeners, children are nodes or texts. */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) {
      element.addEventListener(key.slice(2), value);
    } else if (key === 'class') {
      element.className = value;
    } else if (value === true) {
      element.setAttribute(key, '');
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(key, value);
    }
  }
  element.append(...children.filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

export function button(text, onclick, properties = {}) {
  return el('button', {type: 'button', onclick, ...properties}, text);
}

/** A labelled form control. */
export function field(label, control) {
  return el('label', {class: 'field'}, el('span', {}, label), control);
}

export function select(name, options, chosen) {
  return el('select', {name}, ...options.map(option =>
      el('option', {value: option, selected: option === chosen}, option)));
}

/** A table; a column that starts with "#" has numbers. Rows are arrays of texts and nodes. */
export function table(columns, rows, empty) {
  if (rows.length === 0) {
    return el('p', {class: 'faint'}, empty);
  }
  const kind = column => (column.startsWith('#') ? 'number' : null);
  const cells = row => row.map((cell, i) => el('td', {class: kind(columns[i])}, cell ?? ''));
  return el('div', {class: 'scroll'}, el('table', {},
      el('thead', {}, el('tr', {}, ...columns.map(column =>
          el('th', {scope: 'col', class: kind(column)}, column.replace('#', ''))))),
      el('tbody', {}, ...rows.map(row => el('tr', {}, ...cells(row))))));
}

/** Says something at the edge of the page for a while; failures stay longer. */
export function notice(text, bad = false) {
  const note = el('div', {class: bad ? 'notice bad' : 'notice'}, text);
  document.getElementById('notices').append(note);
  setTimeout(() => note.remove(), bad ? 12000 : 5000);
}

/** Runs what a button does; it cannot be pressed twice, and failures are said. */
export function action(work) {
  return async event => {
    event.preventDefault();
    const pressed = event.submitter ?? event.currentTarget;
    pressed.disabled = true;
    try {
      await work(event);
    } catch (failure) {
      notice(failure.message, true);
    } finally {
      pressed.disabled = false;
    }
  };
}

/** Asks with a form; resolves when the work is done, or the dialog is closed. */
export function dialog(title, controls, verb, work) {
  return new Promise(resolve => {
    const box = el('dialog', {'aria-label': title, onclose: () => {
      box.remove();
      resolve();
    }});
    const form = el('form', {onsubmit: action(async () => {
      await work(new FormData(form), form);
      box.close();
    })},
        el('h2', {}, title),
        ...controls,
        el('div', {class: 'row'},
            el('button', {class: 'main'}, verb),
            button('Cancel', () => box.close())));
    box.append(form);
    document.body.append(box);
    box.showModal();
  });
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(count) {
  let unit = 0;
  while (count >= 1000 && unit < UNITS.length - 1) {
    count /= 1000;
    unit++;
  }
  return `${unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${UNITS[unit]}`;
}

export function number(value) {
  return value === null || value === undefined ? '' : value.toLocaleString('en');
}

export function time(seconds) {
  return seconds ? new Date(seconds * 1000).toLocaleString() : '';
}
