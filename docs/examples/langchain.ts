// A prompt and a model as a LangChain chain, streamed.
import type { AIMessageChunk } from '@langchain/core/messages';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { ChatOpenAI } from '@langchain/openai';

// With tools that the gateway runs use ChatOpenAICompletions: ChatOpenAI goes to /v1/responses as soon as it is given
// a tool that is no function, and the gateway runs tools for /v1/chat/completions only.
const model = new ChatOpenAI({
  model: 'openai/gpt-5-mini',
  apiKey: process.env.OPENAI_API_KEY ?? 'sk-local-development',
  configuration: { baseURL: process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:8787/v1' },
});

const prompt = ChatPromptTemplate.fromMessages([
  ['system', 'You answer in one sentence.'],
  ['user', 'Why is {thing} {colour}?'],
]);

let answer: AIMessageChunk | undefined;
for await (const chunk of await prompt.pipe(model).stream({ thing: 'the sky', colour: 'blue' })) {
  process.stdout.write(chunk.text);
  answer = answer ? answer.concat(chunk) : chunk;
}

const usage = answer?.usage_metadata;
console.log(`\n\n${usage?.input_tokens} tokens in, ${usage?.output_tokens} out`);
console.log(`by ${answer?.response_metadata.model_name}`);
