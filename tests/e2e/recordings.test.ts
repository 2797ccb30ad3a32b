import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecording, recordedText } from '../../load/upstream/recordings.ts';
import { usdToNano } from '../../shared/money.ts';
import { RECORDINGS, RECORDINGS_DIR, WITH_RECORDINGS } from '../support/recordings.ts';
import { ledgerRow, type System, startSystem } from '../support/system.ts';

interface RecordedUsage {
  prompt_tokens?: number;
  completion_tokens?: number;
  cost?: number;
}

/** The last usage of a recorded body, read the slow way: every event parsed. */
function recordedUsage(body: string): RecordedUsage | null {
  const parts = body.trimStart().startsWith('{')
    ? [body]
    : body
        .split(/\r?\n/)
        .filter((line) => line.startsWith('data:') && !line.includes('[DONE]'))
        .map((line) => line.slice(5));
  const usages = parts.map((part) => (JSON.parse(part) as { usage?: RecordedUsage | null }).usage);
  return usages.findLast((usage) => usage) ?? null;
}

const answered = RECORDINGS.flatMap((file) => {
  const recording = readRecording(RECORDINGS_DIR, file);
  return recording && recording.response.status === 200 && recording.request.url.includes('/chat/completions')
    ? [{ file, recording }]
    : [];
});

describe.skipIf(answered.length === 0)(`the relay lane, by ${WITH_RECORDINGS}`, () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system.stop());

  it.concurrent.each(answered)('relays $file to the byte and meters its usage', async ({ file, recording }) => {
    const text = recordedText(recording);
    const streamed = !text.trimStart().startsWith('{');
    const response = await fetch(`${system.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: `recording/${file}`,
        models: [`recording/${file}`],
        stream: streamed,
        messages: [{ role: 'user', content: 'Hi' }],
      }),
    });
    const sent = await response.text();
    expect(sent.slice(0, text.length)).toBe(text);
    // An error in the midst is told again on its own, for some clients overlook one beside choices.
    const broke = streamed && /^data: .*"error":\{/m.test(text);
    expect(sent.slice(text.length)).toMatch(broke ? /"code":"upstream_error"/ : /^$/);
    const row = await ledgerRow(system.db, response.headers.get('x-request-id') ?? '');
    const usage = recordedUsage(text);
    if (!usage) return expect(row).toMatchObject({ usage_source: 'estimated', unpriced_attempts: 1 });
    expect(row).toMatchObject({
      usage_source: 'provider',
      input_tokens: usage.prompt_tokens ?? null,
      output_tokens: usage.completion_tokens ?? null,
      cost_nano_usd: usage.cost === undefined ? null : usdToNano(usage.cost),
    });
  });

  it.concurrent.each(answered)(
    'goes through the agent lane, which says the same: $file',
    async ({ file, recording }) => {
      const text = recordedText(recording);
      const streamed = !text.trimStart().startsWith('{');
      const response = await fetch(`${system.origin}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: `recording/${file}`,
          models: [`recording/${file}`],
          stream: streamed,
          messages: [{ role: 'user', content: 'Hi' }],
          tools: [{ type: 'gateway:calculator' }],
        }),
      });
      const sent = await response.text();
      expect(response.status, sent).toBe(200);
      expect(saidIn(sent)).toBe(saidIn(text));
    },
  );
});

/** All that the first choice says. */
function saidIn(text: string): string {
  type Said = { choices?: { index?: number; delta?: { content?: string }; message?: { content?: string } }[] };
  const parts = text.trimStart().startsWith('{')
    ? [text]
    : text.split(/\r?\n/).flatMap((line) => (/^data: ?\{/.test(line) ? [line.slice(5)] : []));
  const choices = parts.flatMap((part) => (JSON.parse(part) as Said).choices?.slice(0, 1) ?? []);
  return choices.map(({ delta, message }) => delta?.content ?? message?.content ?? '').join('');
}
