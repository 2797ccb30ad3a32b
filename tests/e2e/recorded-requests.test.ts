import { describe, expect, it } from 'vitest';
import { mediaOf, mostAmounts } from '../../api-worker/routes/chat-amounts.ts';
import { ChatRequest } from '../../api-worker/routes/chat-request.ts';
import { costBound } from '../../api-worker/upstream/cost-bound.ts';
import { UpstreamModel } from '../../api-worker/upstream/upstream-model.ts';
import { readRecording, recordedText } from '../../load/upstream/recordings.ts';
import { RECORDINGS, RECORDINGS_DIR, WITH_RECORDINGS } from '../support/recordings.ts';

const requests = RECORDINGS.flatMap((file) => {
  const recording = readRecording(RECORDINGS_DIR, file);
  if (recording?.response.status !== 200 || !recording.request.url.includes('/chat/completions')) return [];
  const { body } = recording.request;
  const usages = [...recordedText(recording).matchAll(/"usage":\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})/g)];
  const usage = usages.map(([, json]) => JSON.parse(json ?? '{}')).at(-1);
  return [{ file, body: typeof body === 'string' ? JSON.parse(body) : body, usage }];
});

/** OpenRouter's models, as recorded. */
const models = RECORDINGS.flatMap((file) => {
  const recording = readRecording(RECORDINGS_DIR, file);
  if (!recording?.request.url.endsWith('openrouter.ai/api/v1/models')) return [];
  const { data } = JSON.parse(recordedText(recording)) as { data: unknown[] };
  return data.map((entry) => UpstreamModel.parse(entry));
});

describe.skipIf(requests.length === 0)(`requests that providers took, by ${WITH_RECORDINGS}`, () => {
  it.each(requests)('$file is valid here too', ({ body }) => {
    expect(ChatRequest.safeParse(body).error?.issues ?? []).toEqual([]);
  });

  it.each(requests.filter(({ usage }) => usage?.prompt_tokens))(
    '$file used no more than is reserved for it',
    ({ body, usage }) => {
      const request = ChatRequest.parse(body);
      const asked = { request, media: mediaOf(request, JSON.stringify(body)), maxTokensDefault: 0 };
      const bound = (prompt: string, completion: string) => {
        const model = { id: body.model, context_length: 1_000_000, pricing: { prompt, completion } };
        return costBound([body.model], [UpstreamModel.parse(model)], mostAmounts(asked));
      };
      // At a nano-dollar a token, the bound of the cost is that of the tokens.
      expect(usage.prompt_tokens).toBeLessThanOrEqual(bound('0.000000001', '0'));
      expect(usage.completion_tokens).toBeLessThanOrEqual(bound('0', '0.000000001'));
      if (usage.cost) expect(usage.cost * 1e9).toBeLessThanOrEqual(costBound([body.model], models, mostAmounts(asked)));
    },
  );

  it('OpenRouter’s recorded model lists are read whole, with prices', () => {
    expect(models.length).toBeGreaterThan(0);
    for (const { id, pricing, context_length } of models) {
      expect(pricing?.prompt, id).toMatch(/^-?\d/);
      expect(pricing?.completion, id).toMatch(/^-?\d/);
      expect(context_length, id).toBeGreaterThan(0);
    }
  });
});
