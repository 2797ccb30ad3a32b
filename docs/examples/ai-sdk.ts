// A conversation of two turns with the AI SDK, streamed.
import { createOpenAI } from '@ai-sdk/openai';
import { type ModelMessage, streamText } from 'ai';

const gateway = createOpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:8787/v1',
  apiKey: process.env.OPENAI_API_KEY ?? 'sk-local-development',
});

// `gateway(id)` would ask /v1/responses, and in its second turn name the first answer by its id instead of bringing
// it along: the gateway keeps no responses. `.chat(id)` asks /v1/chat/completions, where a request always brings the
// whole conversation; only there does the gateway run tools of its own and continue streams that broke.
const model = gateway.chat('openai/gpt-5-mini');

const messages: ModelMessage[] = [];
for (const content of ['Why is the sky blue? Answer in one sentence.', 'And why is it red in the evening?']) {
  messages.push({ role: 'user', content });
  const result = streamText({
    model,
    messages,
    // Errors are thrown below; by default they would be printed here, too.
    onError: () => {},
  });
  for await (const part of result.stream) {
    if (part.type === 'text-delta') process.stdout.write(part.text);
    if (part.type === 'error') throw part.error;
  }
  messages.push(...(await result.responseMessages));

  const { inputTokens, outputTokens } = await result.usage;
  const { headers } = await result.response;
  console.log(`\n\n${inputTokens} tokens in, ${outputTokens} out`);
  console.log(`x-request-id: ${headers?.['x-request-id']}\n`);
}
