// Line charts in the page's colours; uPlot draws them.

import uPlot from './uPlot.esm.js';
import {el} from './dom.js';

const HEIGHT = 220;
const COLOURS = ['--first', '--second', '--third', '--good', '--bad'];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * A chart that takes the width of its place and follows light and dark.
 *
 * @param series names; one that starts with "-" is dashed
 * @param options `time`: x is seconds since 1970; `unit` of the values
 */
export function chart(label, series, {time = false, unit = ''} = {}) {
  const place = el('div', {class: 'chart', role: 'img', 'aria-label': label});
  let data = [[], ...series.map(() => [])];
  let plot = null;

  function axis(values) {
    return {
      stroke: colour('--faint'),
      grid: {stroke: colour('--line'), width: 1},
      ticks: {stroke: colour('--line'), width: 1},
      ...values,
    };
  }

  function draw() {
    plot?.destroy();
    plot = new uPlot({
      width: Math.max(200, place.clientWidth),
      height: HEIGHT,
      scales: {x: {time}, y: {range: (self, low, high) => [Math.min(0, low ?? 0), (high ?? 0) * 1.1 || 1]}},
      axes: [axis({}), axis({size: 76, values: (self, ticks) => ticks.map(tick => `${tick}${unit}`)})],
      series: [time ? {} : {label: 'step'}, ...series.map((name, i) => ({
        label: name.replace(/^-/, ''),
        stroke: colour(COLOURS[i % COLOURS.length]),
        width: 2,
        dash: name.startsWith('-') ? [6, 4] : undefined,
        spanGaps: true,
        points: {show: data[0].length < 40 && !name.startsWith('-')},
        value: (self, shown) => (shown === null || shown === undefined
            ? '–' : `${Number(shown.toPrecision(4))}${unit}`),
      }))],
    }, data, place);
  }

  const size = new ResizeObserver(() => plot?.setSize({width: Math.max(200, place.clientWidth), height: HEIGHT}));
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', draw);
  size.observe(place);
  return {
    place,
    show(values) {
      const first = plot === null;
      data = values;
      if (first) {
        draw();
      } else {
        plot.setData(values);
      }
    },
    close() {
      size.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    },
  };
}
