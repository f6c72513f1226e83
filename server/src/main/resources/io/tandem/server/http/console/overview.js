// Both jobs of the device on one chart, latencies against their targets, and how full it is.

import {ApiError, text} from './api.js';
import {chart} from './charts.js';
import {bytes, el, number, refresh} from './dom.js';
import {parse, quantile, value} from './prometheus.js';

const EVERY_MILLIS = 2000;
const KEPT = 150;
/** Percentiles are of what ended within so many samples. */
const WINDOW = 30;

const millis = seconds => (seconds === null ? null : seconds * 1000);

/** What a sample adds to the chart of throughput: tokens per second since the one before. */
function throughputOf(now, before) {
  return ['decode', 'prefill', 'finetune'].map(phase => {
    const tokens = sample => value(sample.metrics, 'tandem_tokens_total', {phase}) ?? 0;
    return before ? Math.max(0, (tokens(now) - tokens(before)) / (now.at - before.at)) : null;
  });
}

/** What it adds to the chart of a latency: percentiles since an earlier one, and the target. */
function latencyOf(now, earlier, kind) {
  const percentile = share => quantile(now.metrics, earlier.metrics, `tandem_request_${kind}_seconds`, share);
  return [percentile(0.5), percentile(0.99), value(now.metrics, 'tandem_slo_target_seconds', {kind})].map(millis);
}

/** What it adds to the chart of occupancy. */
function occupancyOf({metrics}) {
  const percent = (used, kind) => {
    const all = value(metrics, 'tandem_slots', {kind});
    return all ? 100 * (used ?? 0) / all : null;
  };
  return [
    100 * (value(metrics, 'vllm:kv_cache_usage_perc') ?? 0),
    percent(value(metrics, 'tandem_sequences_running'), 'sequences'),
    percent(value(metrics, 'tandem_adapters', {tier: 'device'}), 'adapters'),
  ];
}

export async function overview(place) {
  /** The latest samples; of older ones only the points of the charts are kept. */
  const samples = [];
  const throughput = chart('Tokens per second of answers and of training', ['answers', 'prompts', 'training'], {time: true});
  const ttft = chart('Time to first token', ['median', 'p99', '-target'], {time: true, unit: ' ms'});
  const tpot = chart('Time per output token', ['median', 'p99', '-target'], {time: true, unit: ' ms'});
  const full = chart('Occupancy', ['KV cache', 'sequence slots', 'adapter slots'], {time: true, unit: ' %'});
  const points = new Map([throughput, ttft, tpot, full].map(each => [each, []]));
  const numbers = el('dl', {class: 'numbers'});
  place.append(
      numbers,
      el('div', {class: 'cards'},
          el('section', {class: 'card wide'}, el('h2', {}, 'Tokens per second'), throughput.place),
          el('section', {class: 'card'}, el('h2', {}, 'Time to first token'), ttft.place),
          el('section', {class: 'card'}, el('h2', {}, 'Time per output token'), tpot.place),
          el('section', {class: 'card wide'}, el('h2', {}, 'Occupancy'), full.place)));

  function tell(metrics) {
    const one = (name, labels) => value(metrics, name, labels) ?? 0;
    const facts = [
      ['Running sequences', number(one('tandem_sequences_running'))],
      ['Waiting requests', number(one('tandem_requests_waiting'))],
      ['Open jobs', number(one('tandem_jobs_open'))],
      ['Within targets', `${(100 * one('tandem_slo_attainment')).toFixed(1)} %`],
      ['Adapters on disk', number(one('tandem_adapters', {tier: 'disk'}))],
      ['Adapters in memory', number(one('tandem_adapters', {tier: 'host'}))],
      ['Device memory', bytes(one('tandem_device_memory_bytes'))],
      ['Training memory', bytes(one('tandem_training_memory_planned_bytes'))],
    ];
    numbers.replaceChildren(...facts.map(([name, fact]) => el('div', {}, el('dt', {}, name), el('dd', {}, fact))));
  }

  function add(shown, at, values) {
    const own = points.get(shown);
    own.push([at, ...values]);
    own.splice(0, own.length - KEPT);
    shown.show(own[0].map((ignored, series) => own.map(point => point[series])));
  }

  async function sample() {
    const metrics = parse(await text('/metrics'));
    const now = {at: Date.now() / 1000, metrics};
    const before = samples.at(-1);
    samples.push(now);
    samples.splice(0, samples.length - WINDOW - 1);
    tell(metrics);
    add(throughput, now.at, throughputOf(now, before));
    add(ttft, now.at, latencyOf(now, samples[0], 'ttft'));
    add(tpot, now.at, latencyOf(now, samples[0], 'tpot'));
    add(full, now.at, occupancyOf(now));
  }

  try {
    await sample();
  } catch (failure) {
    if (failure instanceof ApiError && [403, 404].includes(failure.status)) {
      place.replaceChildren(el('p', {class: 'card'}, 'Metrics are for the keys of whoever runs the server.'));
      return () => {};
    }
    throw failure;
  }
  const end = refresh(place, EVERY_MILLIS, sample);
  return () => {
    end();
    points.forEach((ignored, each) => each.close());
  };
}
