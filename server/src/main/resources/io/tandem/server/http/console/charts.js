// Line charts in the page's colours; uPlot draws them.

import uPlot from './uPlot.esm.js';
import {el} from './dom.js';

const HEIGHT = 220;
/** A chart of times has as much at least: one sample alone would have years around it. */
const SECONDS = 60;
/** So many values have points beside their line. */
const FEW = 40;
const CLOCK = uPlot.fmtDate('{HH}:{mm}:{ss}');
/** Descriptions of charts need ids. */
let charts = 0;
const COLOURS = ['--first', '--second', '--third', '--good', '--bad'];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Seconds since 1970 as a time of the day. */
function clock(at) {
  return CLOCK(new Date(at * 1000));
}

/**
 * A chart that takes the width of its place and follows light and dark. The legend has the latest values, as long as
 * the pointer is elsewhere, and so has the description for those who cannot see the lines.
 *
 * @param series names; one that starts with "-" is dashed
 * @param options `time`: x is seconds since 1970; `unit` of the values
 */
export function chart(label, series, {time = false, unit = ''} = {}) {
  const names = series.map(name => name.replace(/^-/, ''));
  const description = el('p', {id: `chart-${charts++}`, hidden: true});
  const lines = el('div', {class: 'chart', role: 'img', 'aria-label': label, 'aria-describedby': description.id});
  const place = el('div', {}, lines, description);
  let data = [[], ...series.map(() => [])];
  let plot = null;

  function shown(value) {
    return value === null || value === undefined ? '–' : `${Number(value.toPrecision(4))}${unit}`;
  }

  /** Where the latest value of each series is. By time that is now; not every step has every value. */
  function latest() {
    const last = data[0].length - 1;
    return data.map(values => (time ? last : values.findLastIndex(value => value !== null)));
  }

  function describe() {
    const at = latest();
    const values = names.map((name, i) => [name, data[i + 1][at[i + 1]]]).filter(([, value]) => Number.isFinite(value));
    description.textContent = values.length === 0 ? 'No values yet.'
        : `${time ? 'Now' : `Up to step ${data[0].at(-1)}`}: ${values.map(([name, value]) => `${name} ${shown(value)}`).join(', ')}.`;
  }

  /** Fills the legend where the pointer does not. */
  function explain(self) {
    if (self.cursor.left < 0 && data[0].length > 0) {
      self.setLegend({idxs: latest()}, false);
    }
  }

  function axis(values) {
    return {
      stroke: colour('--faint'),
      grid: {stroke: colour('--line'), width: 1},
      ticks: {stroke: colour('--line'), width: 1},
      ...values,
    };
  }

  function recent() {
    const last = data[0].at(-1) ?? 0;
    return [Math.min(data[0][0] ?? 0, last - SECONDS), last];
  }

  function draw() {
    plot?.destroy();
    plot = new uPlot({
      width: Math.max(200, lines.clientWidth),
      height: HEIGHT,
      scales: {x: {time, range: time ? recent : undefined}, y: {range: (self, low, high) => [Math.min(0, low ?? 0), (high ?? 0) * 1.1 || 1]}},
      axes: [axis(time ? {space: 80, values: (self, ticks) => ticks.map(clock)} : {}), axis({size: 76, values: (self, ticks) => ticks.map(tick => `${tick}${unit}`)})],
      hooks: {setLegend: [explain]},
      series: [time ? {label: 'time', value: (self, at) => (at === null ? '–' : clock(at))} : {label: 'step'}, ...series.map((name, i) => ({
        label: names[i],
        stroke: colour(COLOURS[i % COLOURS.length]),
        width: 2,
        dash: name.startsWith('-') ? [6, 4] : undefined,
        spanGaps: true,
        points: {show: () => data[0].length < FEW && !name.startsWith('-')},
        value: (self, value) => shown(value),
      }))],
    }, data, lines);
    explain(plot);
  }

  const size = new ResizeObserver(() => plot?.setSize({width: Math.max(200, lines.clientWidth), height: HEIGHT}));
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', draw);
  size.observe(lines);
  return {
    place,
    show(values) {
      const first = plot === null;
      data = values;
      if (first) {
        draw();
      } else {
        plot.setData(values);
        explain(plot);
      }
      describe();
    },
    close() {
      size.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    },
  };
}
