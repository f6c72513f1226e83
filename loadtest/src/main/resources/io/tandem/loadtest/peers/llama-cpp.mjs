// Evaluates batches with llama.cpp and says how long they took. The argument holds the settings, every line of standard
// input a question, every line of standard output an answer. Batches go to the library as they are, below the queue
// that node-llama-cpp puts before it, so that all sequences share one batch and nothing is drawn.
import {createInterface} from "node:readline";
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const {model: modelPath, threads, sequences, contextTokens} = JSON.parse(process.argv[2]);
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.warn, maxThreads: threads});
const model = await llama.loadModel({modelPath});
const context = await model.createContext({
  sequences,
  contextSize: contextTokens,
  batchSize: contextTokens,
  threads,
  flashAttention: true,
});
const batches = context._ctx;
batches.setThreads(threads);

const random = (count) => Uint32Array.from({length: count}, () => 1 + Math.floor(Math.random() * 40000));

/** Runs one batch of [sequence, first position, tokens]; returns where each one's last logits are, if they are wanted. */
async function evaluate(parts, logits) {
  batches.initBatch(parts.reduce((sum, [, , tokens]) => sum + tokens.length, 0));
  const places = parts.map(([sequence, start, tokens]) =>
    batches.addToBatch(sequence, start, tokens, logits ? Uint32Array.of(tokens.length - 1) : Uint32Array.of())[0]
  );
  await batches.decodeBatch();
  return places;
}

async function timed(parts) {
  const start = performance.now();
  await evaluate(parts, true);
  return performance.now() - start;
}

async function decode({batch, context, steps}) {
  const all = [...Array(batch).keys()];
  for (const sequence of all)
    await evaluate([[sequence, 0, random(context)]], false);
  const millis = [];
  for (let step = 0; step < steps; step++)
    millis.push(await timed(all.map((sequence) => [sequence, context + step, random(1)])));
  all.forEach((sequence) => batches.disposeSequence(sequence));
  return {millis};
}

async function prefill({tokens, repetitions}) {
  const millis = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    millis.push(await timed([[0, 0, random(tokens)]]));
    batches.disposeSequence(0);
  }
  return {millis};
}

async function greedy({prompt}) {
  const sampler = new llama._bindings.AddonSampler(model._model);
  sampler.applyConfig({temperature: 0});
  const tokens = [];
  for (let at = 0; at < prompt.length; at++) {
    const [place] = await evaluate([[0, at, Uint32Array.of(prompt[at])]], true);
    tokens.push(await batches.sampleToken(place, sampler));
  }
  batches.disposeSequence(0);
  return {tokens};
}

const kinds = {decode, prefill, greedy};
console.log(JSON.stringify({system: llama.systemInfo}));
for await (const line of createInterface({input: process.stdin})) {
  const question = JSON.parse(line);
  console.log(JSON.stringify(await kinds[question.kind](question)));
}
process.exit(0);
