import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../api-worker/upstream/attempt.ts';
import { continuationOf } from '../../../api-worker/upstream/continuation.ts';
import type { AttemptRecord } from '../../../api-worker/upstream/journal.ts';
import { type Resume, relayResumable } from '../../../api-worker/upstream/resume.ts';
import { eventOf } from '../../../api-worker/upstream/sse.ts';

const OTHER = 'b/other';
const TEXT = 'Once upon a time there was a gateway that never lost a character.';
const CUT = 30;

const say = (content: string, finish_reason: string | null = null) =>
  eventOf(JSON.stringify({ id: 'x', choices: [{ index: 0, delta: { content }, finish_reason }] }));
const DONE = eventOf('[DONE]');

/** An answer that consists of these events, all of which come at once, and then ends. */
function answerOf(model: string, ...events: string[]): Answer {
  return {
    record: { model, failure: null, relayed: false } as AttemptRecord,
    contentType: 'text/event-stream',
    head: new TextEncoder().encode(events.join('')),
    rest: null,
    firstEventAt: 0,
    finish: () => undefined,
    abort: () => undefined,
  };
}

/** What the client gets of an answer that breaks, and of those that are to go on with it. */
async function relayed(first: Answer, ...others: Answer[]) {
  const { readable, writable } = new IdentityTransformStream();
  const resume: Resume = async (said) => {
    const answer = others.shift();
    const { seam } = continuationOf({ messages: [] }, said, OTHER);
    return answer ? { answer, seam, used: async () => null } : null;
  };
  const [text, end] = await Promise.all([new Response(readable).text(), relayResumable(first, writable, resume)]);
  const chunks = text
    .split('\n\n')
    .flatMap((event) => (event.startsWith('data: {') ? [JSON.parse(event.slice(6))] : []));
  const said = chunks.map((chunk) => chunk.choices?.[0]?.delta.content ?? '').join('');
  return { end, text, said, failed: text.includes('"error"') };
}

const broken = () => answerOf('a/first', say(TEXT.slice(0, CUT)));
/** As one that was told to repeat the last words: at most 48 characters, so here all of them. */
const continued = (...ends: string[]) => answerOf(OTHER, say(TEXT.slice(0, CUT)), say(TEXT.slice(CUT)), ...ends);

describe('relayResumable', () => {
  it('joins a continuation, whichever way that ends', async () => {
    for (const ends of [[say('', 'stop'), DONE], [DONE], [say('', 'stop')]]) {
      const { end, said, failed } = await relayed(broken(), continued(...ends));
      expect([end, said, failed]).toEqual(['complete', TEXT, false]);
    }
  });

  it('does not take a continuation for whole that ended before it joined', async () => {
    const early = answerOf(OTHER, say(TEXT.slice(0, 8)), DONE);
    const { end, said, failed } = await relayed(broken(), early);
    expect([end, said, failed]).toEqual(['upstream_died', TEXT.slice(0, CUT), true]);
    expect(early.record).toMatchObject({ relayed: false, failure: { kind: 'unjoined' } });
  });

  it('asks the next model when one does not join', async () => {
    const { said, failed } = await relayed(broken(), answerOf(OTHER, say('Sure! '), DONE), continued(DONE));
    expect([said, failed]).toEqual([TEXT, false]);
  });

  it.each([
    ['a list of choices that is none', { choices: 'x' }],
    ['a choice that is none', { choices: [null] }],
    ['no object', 7],
    ['an error', { error: { message: 'x' } }],
  ])('loses nothing that came together with %s', async (_, chunk) => {
    const first = answerOf('a/first', say(TEXT.slice(0, CUT)), eventOf(JSON.stringify(chunk)));
    const { said, failed } = await relayed(first, continued(say('', 'stop'), DONE));
    expect([said, failed]).toEqual([TEXT, false]);
  });

  it('gives up after three continuations', async () => {
    const others = Array.from({ length: 4 }, () => answerOf(OTHER, say('Sure! '), DONE));
    const { end, failed } = await relayed(broken(), ...others);
    expect([end, failed]).toEqual(['upstream_died', true]);
  });
});
