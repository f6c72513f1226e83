// Reads what Maven reports of the tests that call Java clients.
import fs from 'node:fs';
import path from 'node:path';

const clients = [
  { test: 'OpenAiClientIT', name: 'OpenAI Java', artifact: 'openai-java' },
  { test: 'OpenAiJobsIT', name: 'OpenAI Java', artifact: 'openai-java' },
  { test: 'Langchain4jIT', name: 'LangChain4j', artifact: 'langchain4j' },
  { test: 'SpringAiIT', name: 'Spring AI', artifact: 'spring-ai-openai' },
];

/** A test's name as words: "aToolIsCalled" becomes "a tool is called". */
function words(name) {
  return name.replace(/\(.*/, '').replace(/[A-Z]/g, (letter) => ' ' + letter.toLowerCase());
}

/** The calls of all clients, in the table's form. */
export function javaCalls(directory) {
  return clients.flatMap(({ test, name, artifact }) => {
    const report = fs.readFileSync(path.join(directory, `TEST-io.tandem.server.it.${test}.xml`), 'utf8');
    const version = report.match(new RegExp(`/${artifact}-([0-9][\\w.]*)\\.jar`))[1];
    return [...report.matchAll(/<testcase name="([^"]*)"[^>]*?(\/>|>(.*?)<\/testcase>)/gs)].map(([, call, , inside]) => {
      const fault = inside?.match(/<(?:failure|error)(?: message="([^"]*)")?/);
      return {
        client: `${name} ${version}`,
        call: words(call),
        failed: fault != null,
        outcome: fault?.[1] ?? '',
      };
    });
  });
}
