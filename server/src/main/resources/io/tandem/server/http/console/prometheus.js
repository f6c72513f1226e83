// What /metrics says, as numbers.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** All samples by their names: a list of {labels, value} for each. */
export function parse(page) {
  const samples = new Map();
  for (const line of page.split('\n')) {
    const found = line.startsWith('#') ? null : LINE.exec(line);
    if (found) {
      const labels = {};
      for (const [, name, value] of (found[2] ?? '').matchAll(LABEL)) {
        labels[name] = value;
      }
      const [, name, , value] = found;
      if (!samples.has(name)) {
        samples.set(name, []);
      }
      samples.get(name).push({labels, value: Number(value)});
    }
  }
  return samples;
}

/** The sum of the samples of a name that have these labels; null if there are none. */
export function value(samples, name, labels = {}) {
  const found = (samples.get(name) ?? []).filter(sample =>
      Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted));
  return found.length === 0 ? null : found.reduce((sum, sample) => sum + sample.value, 0);
}

/** Of a histogram between two moments, the value that a share of the observations do not exceed; null without any. */
export function quantile(now, before, name, share) {
  const counts = samples => new Map((samples?.get(`${name}_bucket`) ?? []).map(sample =>
      [Number(sample.labels.le.replace('+Inf', 'Infinity')), sample.value]));
  const old = counts(before);
  const buckets = [...counts(now)].map(([bound, count]) => [bound, count - (old.get(bound) ?? 0)])
      .sort((a, b) => a[0] - b[0]);
  const all = buckets.at(-1)?.[1] ?? 0;
  if (all <= 0) {
    return null;
  }
  const rank = share * all;
  let low = 0;
  let below = 0;
  for (const [bound, count] of buckets) {
    if (count >= rank) {
      return bound === Infinity ? low : low + (bound - low) * (rank - below) / Math.max(1, count - below);
    }
    low = bound;
    below = count;
  }
  return low;
}
