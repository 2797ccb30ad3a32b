// A streamed answer with the package `openai`, what it took, and the id under which the gateway knows it.
import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:8787/v1',
  apiKey: process.env.OPENAI_API_KEY ?? 'sk-local-development',
});

try {
  const { data: stream, request_id } = await client.chat.completions
    .create({
      model: 'openai/gpt-5-mini',
      messages: [{ role: 'user', content: 'Why is the sky blue? Answer in one sentence.' }],
      stream: true,
      stream_options: { include_usage: true },
    })
    .withResponse();

  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of stream) {
    process.stdout.write(chunk.choices[0]?.delta.content ?? '');
    usage = chunk.usage ?? usage;
  }
  console.log(`\n\n${usage?.prompt_tokens} tokens in, ${usage?.completion_tokens} out`);
  console.log(`x-request-id: ${request_id}`);
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  // The client has by then tried again by itself where that could help.
  console.error(`${error.message} (code ${error.code}, x-request-id ${error.requestID})`);
  process.exitCode = 1;
}
