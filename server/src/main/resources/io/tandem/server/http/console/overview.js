// Both jobs of the device on one chart, latencies against their targets, and how full it is.

import {ApiError, text} from './api.js';
import {chart} from './charts.js';
import {bytes, el, number} from './dom.js';
import {parse, quantile, value} from './prometheus.js';

const EVERY_MILLIS = 2000;
const KEPT = 150;
/** Percentiles are of what ended in so many samples. */
const WINDOW = 30;

/** Tokens per second between two samples. */
function rate(now, before, phase) {
  if (!before) {
    return null;
  }
  const tokens = sample => value(sample.metrics, 'tandem_tokens_total', {phase}) ?? 0;
  return Math.max(0, (tokens(now) - tokens(before)) / (now.at - before.at));
}

function latency(samples, i, name, share) {
  const seconds = quantile(samples[i].metrics, samples[Math.max(0, i - WINDOW)].metrics, name, share);
  return seconds === null ? null : seconds * 1000;
}

export async function overview(place) {
  const samples = [];
  const throughput = chart('Tokens per second of answers and of training', ['answers', 'prompts', 'training'], {time: true});
  const ttft = chart('Time to first token', ['median', 'p99', '-target'], {time: true, unit: ' ms'});
  const tpot = chart('Time per output token', ['median', 'p99', '-target'], {time: true, unit: ' ms'});
  const full = chart('Occupancy', ['KV cache', 'sequence slots', 'adapter slots'], {time: true, unit: ' %'});
  const charts = [throughput, ttft, tpot, full];
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

  function draw() {
    const x = samples.map(sample => sample.at);
    const each = read => samples.map((sample, i) => read(sample.metrics, i));
    const percent = (used, of) => each(metrics => {
      const all = value(metrics, 'tandem_slots', {kind: of});
      return all ? 100 * (used(metrics) ?? 0) / all : null;
    });
    const target = kind => each(metrics => {
      const seconds = value(metrics, 'tandem_slo_target_seconds', {kind});
      return seconds === null ? null : seconds * 1000;
    });
    const phase = name => samples.map((sample, i) => rate(sample, samples[i - 1], name));
    const percentiles = name => [0.5, 0.99].map(share => samples.map((sample, i) => latency(samples, i, name, share)));
    throughput.show([x, phase('decode'), phase('prefill'), phase('finetune')]);
    ttft.show([x, ...percentiles('tandem_request_ttft_seconds'), target('ttft')]);
    tpot.show([x, ...percentiles('tandem_request_tpot_seconds'), target('tpot')]);
    full.show([
      x,
      each(metrics => 100 * (value(metrics, 'vllm:kv_cache_usage_perc') ?? 0)),
      percent(metrics => value(metrics, 'tandem_sequences_running'), 'sequences'),
      percent(metrics => value(metrics, 'tandem_adapters', {tier: 'device'}), 'adapters'),
    ]);
  }

  async function sample() {
    const metrics = parse(await text('/metrics'));
    samples.push({at: Date.now() / 1000, metrics});
    samples.splice(0, samples.length - KEPT);
    tell(metrics);
    draw();
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
  let gone = false;
  const timer = setInterval(async () => {
    if (document.hidden) {
      return;
    }
    try {
      await sample();
      gone = false;
    } catch (failure) {
      if (!gone) {
        numbers.replaceChildren(el('p', {class: 'tag bad', role: 'alert'}, failure.message));
      }
      gone = true;
    }
  }, EVERY_MILLIS);
  return () => {
    clearInterval(timer);
    charts.forEach(each => each.close());
  };
}
