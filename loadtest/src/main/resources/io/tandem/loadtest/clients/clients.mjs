// Ordinary calls of clients, unchanged but for the base URL. Prints a table with those of Java clients, which Maven has
// run, and fails if a call does. Usage: node clients.mjs URL MODEL REPORTS
import assert from 'node:assert';
import fs from 'node:fs';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { embed, generateText, Output, streamText, tool } from 'ai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { tool as langchainTool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { javaCalls } from './java.mjs';

const [baseURL, model] = [process.argv[2] + '/v1', process.argv[3]];
const question = 'What is the opposite of hot?';
const messages = [{ role: 'user', content: question }];
const answer = z.object({ word: z.enum(['cold', 'warm']), sure: z.boolean() });
const city = z.object({ city: z.enum(['Prague', 'Brno']) });
const tools = [{
  type: 'function',
  function: { name: 'weather', description: 'Weather of a city', parameters: z.toJSONSchema(city) },
}];
const calls = [];

function call(client, name, run) {
  calls.push({ client, name, run });
}

const openai = new OpenAI({ baseURL, apiKey: process.env.TANDEM_API_KEY ?? 'none' });
call('OpenAI Node', 'chat', async () => {
  const chat = await openai.chat.completions.create({ model, messages, temperature: 0 });
  assert.ok(chat.choices[0].message.content);
  return chat.choices[0].message.content;
});
call('OpenAI Node', 'chat, streamed with usage', async () => {
  const stream = await openai.chat.completions.create(
    { model, messages, temperature: 0, stream: true, stream_options: { include_usage: true } });
  let text = '';
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.ok(text && usage.total_tokens > 0);
  return text;
});
call('OpenAI Node', 'completion with echo and logprobs', async () => {
  const whole = await openai.completions.create({ model, prompt: 'Once', echo: true, max_tokens: 4, logprobs: 1 });
  assert.ok(whole.choices[0].text.startsWith('Once'));
  return whole.choices[0].text;
});
call('OpenAI Node', 'parsed structured output', async () => {
  const chat = await openai.chat.completions.parse(
    { model, messages, max_tokens: 100, response_format: zodResponseFormat(answer, 'answer') });
  return answer.parse(chat.choices[0].message.parsed);
});
call('OpenAI Node', 'required tool call', async () => {
  const chat = await openai.chat.completions.create({ model, messages, tools, tool_choice: 'required' });
  assert.equal(chat.choices[0].finish_reason, 'tool_calls');
  return city.parse(JSON.parse(chat.choices[0].message.tool_calls[0].function.arguments));
});
call('OpenAI Node', 'streamed tool call, and its result', async () => {
  const stream = openai.chat.completions.stream(
    { model, messages, tools, tool_choice: { type: 'function', function: { name: 'weather' } } });
  const { message } = (await stream.finalChatCompletion()).choices[0];
  const result = { role: 'tool', tool_call_id: message.tool_calls[0].id, content: '20 degrees' };
  const next = await openai.chat.completions.create(
    { model, tools, max_tokens: 8, messages: [...messages, message, result] });
  return next.choices[0].finish_reason;
});
call('OpenAI Node', 'embeddings', async () => {
  const { data } = await openai.embeddings.create({ model, input: ['hot', 'cold'] });
  assert.equal(data.length, 2);
  return `${data[0].embedding.length} dimensions`;
});
call('OpenAI Node', 'models', async () => {
  const ids = [];
  for await (const one of openai.models.list()) {
    ids.push(one.id);
  }
  assert.ok(ids.includes(model));
  return ids.join(' ');
});

const provider = createOpenAICompatible({ name: 'tandem', baseURL, supportsStructuredOutputs: true });
call('Vercel AI SDK', 'generateText', async () => {
  const { text } = await generateText({ model: provider(model), prompt: question, temperature: 0 });
  assert.ok(text);
  return text;
});
call('Vercel AI SDK', 'streamText', async () => {
  let text = '';
  for await (const delta of streamText({ model: provider(model), prompt: question, temperature: 0 }).textStream) {
    text += delta;
  }
  assert.ok(text);
  return text;
});
call('Vercel AI SDK', 'object', async () => {
  const { output } = await generateText(
    { model: provider(model), prompt: question, output: Output.object({ schema: answer }) });
  return answer.parse(output);
});
call('Vercel AI SDK', 'tools', async () => {
  const { toolResults } = await generateText({
    model: provider(model),
    prompt: 'How is the weather?',
    toolChoice: 'required',
    tools: { weather: tool({ description: 'Weather of a city', inputSchema: city, execute: (input) => `20 in ${input.city}` }) },
  });
  assert.match(toolResults[0].output, /^20 in/);
  return toolResults[0].output;
});
call('Vercel AI SDK', 'embed', async () => {
  const { embedding } = await embed({ model: provider.textEmbeddingModel(model), value: 'hot' });
  return `${embedding.length} dimensions`;
});

const langchain = new ChatOpenAI({ model, apiKey: 'none', temperature: 0, configuration: { baseURL } });
call('LangChain.js', 'invoke', async () => (await langchain.invoke(question)).content);
call('LangChain.js', 'stream', async () => {
  let text = '';
  for await (const chunk of await langchain.stream(question)) {
    text += chunk.content;
  }
  assert.ok(text);
  return text;
});
call('LangChain.js', 'structured output', async () =>
  answer.parse(await langchain.withStructuredOutput(answer, { method: 'jsonSchema' }).invoke(question)));
call('LangChain.js', 'tools', async () => {
  const weather = langchainTool(async () => '20', { name: 'weather', description: 'Weather of a city', schema: city });
  const message = await langchain.bindTools([weather], { tool_choice: 'weather' }).invoke(question);
  return city.parse(message.tool_calls[0].args);
});
call('LangChain.js', 'embeddings', async () => {
  const embeddings = new OpenAIEmbeddings({ model, apiKey: 'none', configuration: { baseURL } });
  return `${(await embeddings.embedQuery('hot')).length} dimensions`;
});

const packages = { 'OpenAI Node': 'openai', 'Vercel AI SDK': 'ai', 'LangChain.js': '@langchain/openai' };
const rows = [];
for (const { client, name, run } of calls) {
  const { version } = JSON.parse(fs.readFileSync(new URL(`node_modules/${packages[client]}/package.json`, import.meta.url)));
  const row = { client: `${client} ${version}`, call: name, failed: false };
  try {
    row.outcome = JSON.stringify(await run()).slice(0, 60);
  } catch (error) {
    row.failed = true;
    row.outcome = String(error.message ?? error);
  }
  rows.push(row);
}
rows.push(...javaCalls(process.argv[4]));
for (const { client, call, failed, outcome } of rows) {
  console.log(`${client.padEnd(22)} ${call.padEnd(48)} ${failed ? 'FAILED' : 'ok    '} ${outcome.slice(0, 200)}`.trimEnd());
}
const failed = rows.filter((row) => row.failed).length;
console.log(`${rows.length} calls, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
