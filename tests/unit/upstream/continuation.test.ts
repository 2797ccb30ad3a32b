import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Continuation,
  canContinue,
  continuationOf,
  NOTHING_SAID,
  type Said,
  Seam,
  SeamMismatch,
} from '../../../api-worker/upstream/continuation.ts';

const CLAUDE = 'anthropic/claude-sonnet-4.5';
const OTHER = 'openai/gpt-5-mini';
const REQUEST = { messages: [{ role: 'user', content: 'Tell me a story.' }] };
const said = (text: string, change: Partial<Said> = {}): Said => ({ ...NOTHING_SAID, text, ...change });

/** The words that a continuation is told to begin with; null: it is told none. */
function lastWords({ messages }: Continuation): string | null {
  const { content } = messages.at(-1) as { content: string };
  return /<last_words>([\s\S]*)<\/last_words>$/.exec(content)?.[1] ?? null;
}

/** What of a text is new, fed in pieces cut at the given offsets and ended. */
function join(seam: Seam, text: string, cuts: readonly number[] = []): string {
  const edges = [0, ...cuts.map((cut) => cut % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  const fed = edges.map((edge, n) => seam.feed(text.slice(edges[n - 1] ?? 0, edge))).join('');
  seam.end();
  return fed;
}

describe('canContinue', () => {
  it.each([
    [{}],
    [{ n: 1 }],
    [{ n: null, response_format: null, logprobs: null, modalities: null }],
    [{ response_format: { type: 'text' } }],
    [{ logprobs: false }],
    [{ reasoning: { effort: 'high' } }],
  ])('lets one choice of plain text go on: %j', (asked) => {
    expect(canContinue({ ...REQUEST, ...asked }, said('x'))).toBe(true);
  });

  it.each([
    [{ n: 2 }],
    [{ response_format: { type: 'json_object' } }],
    [{ response_format: { type: 'json_schema' } }],
    [{ logprobs: true }],
    [{ modalities: ['text', 'audio'] }],
  ])('excludes %j', (asked) => {
    expect(canContinue({ ...REQUEST, ...asked }, said('x'))).toBe(false);
  });

  it('excludes an answer that has gone beyond text', () => {
    expect(canContinue(REQUEST, said('x', { beyondText: true }))).toBe(false);
  });
});

describe('continuationOf', () => {
  it.each([
    'anthropic/claude-3-haiku',
    'anthropic/claude-3.7-sonnet',
    'anthropic/claude-opus-4',
    'anthropic/claude-opus-4.1',
    'anthropic/claude-opus-4-5',
    'anthropic/claude-haiku-4.5',
    'anthropic/claude-sonnet-4.5:nitro',
  ])('gives %s its own unfinished message, without the white space at its end', (model) => {
    expect(continuationOf(REQUEST, said('Once upon \n'), model).messages).toEqual([
      ...REQUEST.messages,
      { role: 'assistant', content: 'Once upon' },
    ]);
  });

  it.each([
    'anthropic/claude-opus-4.6',
    'anthropic/claude-sonnet-4-6',
    'anthropic/claude-opus-4.10',
    'anthropic/claude-sonnet-5',
    'anthropic/claude-fable-1',
    'openai/anthropic/claude-3-haiku',
    'google/gemini-2.5-flash',
    OTHER,
  ])('tells %s to repeat the last words', (model) => {
    const continuation = continuationOf(REQUEST, said('Once upon \n'), model);
    expect(lastWords(continuation)).toBe('Once upon');
    expect(continuation.messages.slice(0, -1)).toEqual([
      ...REQUEST.messages,
      { role: 'assistant', content: 'Once upon \n' },
    ]);
    expect(continuation.messages.at(-1)).toMatchObject({ role: 'user' });
  });

  it('tells a Claude that reasons to repeat the last words', () => {
    const reasoning = { ...REQUEST, reasoning: { max_tokens: 2_000 } };
    expect(lastWords(continuationOf(reasoning, said('Once upon'), CLAUDE))).toBe('Once upon');
    expect(lastWords(continuationOf({ ...REQUEST, reasoning: null }, said('Once upon'), CLAUDE))).toBeNull();
  });

  it('has some whole words at the end of a long text repeated', () => {
    const text = `${'word '.repeat(40)}and the very last of them`;
    const words = lastWords(continuationOf(REQUEST, said(text), OTHER)) ?? '';
    expect(text.endsWith(` ${words}`)).toBe(true);
    expect(words.length).toBeGreaterThan(20);
    expect(words.length).toBeLessThanOrEqual(48);
  });

  it('cuts no emoji in two where a long text has no words', () => {
    const words = lastWords(continuationOf(REQUEST, said(`${'🙂'.repeat(50)}!`), OTHER)) ?? '';
    expect(words).toBe(`${'🙂'.repeat(23)}!`);
  });

  it.each(['', ' \n'])('asks anew where nothing but %j was said', (text) => {
    for (const model of [CLAUDE, OTHER]) {
      const { messages, seam } = continuationOf(REQUEST, said(text), model);
      expect(messages).toEqual(REQUEST.messages);
      expect(text + join(seam, `${text}Once`)).toBe(`${text}Once`);
    }
  });

  it.each([
    [{}, CLAUDE, {}],
    [{ max_tokens: 100 }, CLAUDE, { max_tokens: 60 }],
    [{ max_tokens: 100, max_completion_tokens: 90 }, CLAUDE, { max_tokens: 60, max_completion_tokens: 50 }],
    [{ max_tokens: null, max_completion_tokens: 90 }, CLAUDE, { max_completion_tokens: 50 }],
    [{ max_tokens: 40 }, CLAUDE, { max_tokens: 1 }],
    [{ max_tokens: 100 }, OTHER, { max_tokens: 60 + 9 }],
    [{ max_tokens: 20 }, OTHER, { max_tokens: 1 }],
    [{}, OTHER, {}],
  ])(
    'lessens %j for %s by the 40 words that were said, but for the nine that are repeated',
    (asked, model, lengths) => {
      const forty = said('word '.repeat(40), { pieces: 40 });
      const continuation = continuationOf({ ...REQUEST, ...asked }, forty, model);
      expect(continuation.lengths).toEqual(lengths);
      if (model === OTHER) expect(lastWords(continuation)).toBe('word '.repeat(9).trimEnd());
    },
  );
});

const unit = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', '.', 'é') },
  { weight: 2, arbitrary: fc.constantFrom(' ', '\n', '\t') },
  { weight: 1, arbitrary: fc.constantFrom('🙂', '👩‍👩‍👧', '\uD83D', '\uDE42', '</last_words>') },
);
const texts = fc.array(unit, { maxLength: 120 }).map((units) => units.join(''));
const cuts = fc.array(fc.nat(), { maxLength: 8 });

describe('the seam', () => {
  it('loses and doubles no character where a prefilled message is taken up, whatever the cuts', () => {
    fc.assert(
      fc.property(texts, fc.nat(), cuts, (known, at, pieces) => {
        const text = known.slice(0, at % (known.length + 1));
        const { seam } = continuationOf(REQUEST, said(text), CLAUDE);
        expect(text + join(seam, known.slice(text.trimEnd().length), pieces)).toBe(known);
      }),
      { seed: 1, numRuns: 2_000 },
    );
  });

  it('loses and doubles no character where the last words are repeated, whatever the cuts', () => {
    const leading = fc.constantFrom('', ' ', '\n\n');
    fc.assert(
      fc.property(texts, fc.nat(), cuts, leading, (known, at, pieces, before) => {
        const text = known.slice(0, at % (known.length + 1));
        const continuation = continuationOf(REQUEST, said(text), OTHER);
        const anchor = lastWords(continuation) ?? '';
        const words = text.trimEnd();
        expect(words.endsWith(anchor)).toBe(true);
        const obeying = known.slice(words.length - anchor.length);
        expect(text + join(continuation.seam, (anchor && before) + obeying, pieces)).toBe(known);
      }),
      { seed: 2, numRuns: 2_000 },
    );
  });

  it('takes the white space that stood after the last words for repeated or not', () => {
    fc.assert(
      fc.property(fc.constantFrom(' ', '\n', '\n\n', ' \t'), texts, cuts, (space, rest, pieces) => {
        fc.pre(rest.trimStart() === rest);
        for (const repeated of [space, '']) {
          const { seam } = continuationOf(REQUEST, said(`Once upon${space}`), OTHER);
          expect(join(seam, `Once upon${repeated}${rest}`, pieces)).toBe(rest);
        }
      }),
      { seed: 3 },
    );
  });

  it('asks for more than a word where a long one stands before the last', () => {
    const text = `| ${'x'.repeat(60)} I`;
    const continuation = continuationOf(REQUEST, said(text), OTHER);
    expect(lastWords(continuation)).toBe(text.slice(-48));
    expect(() => continuation.seam.feed('I am sorry, I cannot continue without the text.')).toThrow(SeamMismatch);
  });

  it('continues a short text that began with white space', () => {
    const continuation = continuationOf(REQUEST, said('\n\nHello'), OTHER);
    expect(lastWords(continuation)).toBe('Hello');
    expect(continuation.seam.feed('Hello world')).toBe(' world');
  });

  const long = 'Once upon a time there was a gateway that never lost a character of what it was given.';
  it.each([
    ['starts anew', `${long} The end.`],
    ['makes a remark before', `Sure, here it goes: ${long.slice(-40)} The end.`],
    ['goes straight on', ' The end.'],
    ['changes a letter', long.slice(-40).toUpperCase()],
  ])('refuses a continuation that %s, wherever it is cut', (_, text) => {
    fc.assert(
      fc.property(cuts, (pieces) => {
        const { seam } = continuationOf(REQUEST, said(long), OTHER);
        expect(() => join(seam, text, pieces)).toThrow(SeamMismatch);
      }),
      { seed: 4 },
    );
  });

  it('refuses a continuation with the first letter that differs, not only once enough has come', () => {
    const seam = new Seam('that it', '');
    expect(seam.feed('tha')).toBe('');
    expect(() => seam.feed('n')).toThrow(SeamMismatch);
  });

  it.each(['', 'that', ' \n'])('refuses a continuation that ends after %j', (text) => {
    expect(() => join(new Seam('that it', ' '), text)).toThrow(SeamMismatch);
  });

  it('lets a continuation end with the last words, or within the white space after them', () => {
    for (const text of ['that it', 'that it\n', 'that it\n\n'])
      expect(join(new Seam('that it', '\n\n'), text)).toBe('');
  });

  it('gives out nothing before it has joined', () => {
    const seam = new Seam('that it', '\n');
    expect(['th', 'at', ' it', '\n', ' was', ' given'].map((piece) => seam.feed(piece))).toEqual([
      '',
      '',
      '',
      '',
      ' was',
      ' given',
    ]);
  });
});
