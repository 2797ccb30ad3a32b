import { describe, expect, it } from 'vitest';
import { ChatRequest } from '../../api-worker/routes/chat-request.ts';
import { readRecording } from '../../load/upstream/recordings.ts';
import { RECORDINGS, RECORDINGS_DIR, WITH_RECORDINGS } from '../support/recordings.ts';

const requests = RECORDINGS.flatMap((file) => {
  const recording = readRecording(RECORDINGS_DIR, file);
  if (recording?.response.status !== 200 || !recording.request.url.includes('/chat/completions')) return [];
  const { body } = recording.request;
  return [{ file, body: typeof body === 'string' ? JSON.parse(body) : body }];
});

describe.skipIf(requests.length === 0)(`requests that providers took, by ${WITH_RECORDINGS}`, () => {
  it.each(requests)('$file is valid here too', ({ body }) => {
    expect(ChatRequest.safeParse(body).error?.issues ?? []).toEqual([]);
  });
});
