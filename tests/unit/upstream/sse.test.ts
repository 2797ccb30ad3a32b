import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dataOf, eventOf, headerSafe, wholeEvents } from '../../../api-worker/upstream/sse.ts';

/** The events of a text that comes in pieces, cut at the given offsets, and what is left at the end. */
function eventsInPieces(text: string, cuts: readonly number[]) {
  const edges = [0, ...cuts.map((cut) => cut % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  const all: string[] = [];
  let carried = '';
  edges.forEach((edge, n) => {
    const { events, rest } = wholeEvents(carried + text.slice(edges[n - 1] ?? 0, edge));
    all.push(...events);
    carried = rest;
  });
  return { events: all, rest: carried };
}

describe('wholeEvents', () => {
  it.each(['\n', '\r\n', '\r'])('ends an event at a blank line of %j', (end) => {
    const events = [`: comment${end}${end}`, `event: x${end}data: 1${end}${end}`, `data: 2${end}data: 3${end}${end}`];
    const rest = `data: 4${end}`;
    expect(wholeEvents(events.join('') + rest)).toEqual({ events, rest });
    expect(wholeEvents(events.join(''))).toEqual({ events, rest: '' });
  });

  it.each(['', 'data: 1', 'data: 1\n', 'data: 1\r\n\r'])('has none in %j', (text) => {
    expect(wholeEvents(text)).toEqual({ events: [], rest: text });
  });

  it('finds the same events wherever the text is cut, and loses none of it', () => {
    const part = fc.constantFrom('data: ', '{"a":"é🙂"}', ': x', '\n', '\r\n', '\r', '\n\n', '\r\n\r\n', '\r\r');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 12 }), (parts, cuts) => {
        const text = parts.join('');
        const { events, rest } = eventsInPieces(text, cuts);
        expect({ events, rest }).toEqual(wholeEvents(text));
        expect(events.join('') + rest).toBe(text);
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });

  it('finds every event of a stream, under each line end, wherever it is cut', () => {
    const datas = fc.array(fc.json(), { maxLength: 8 });
    fc.assert(
      fc.property(datas, fc.constantFrom('\n', '\r\n', '\r'), fc.array(fc.nat()), (sent, end, cuts) => {
        const stream = sent.map((data) => eventOf(data).replaceAll('\n', end)).join('');
        const { events, rest } = eventsInPieces(stream, cuts);
        expect(events.map(dataOf)).toEqual(sent);
        expect(rest).toBe('');
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});

describe('dataOf', () => {
  it.each([
    ['data: {"a":1}\n\n', '{"a":1}'],
    ['data:{"a":1}\r\n\r\n', '{"a":1}'],
    ['event: x\rid: 7\rdata: 1\r\r', '1'],
    ['data: {"a":\ndata: 1}\n\n', '{"a":\n1}'],
    [': data: 1\n\n', ''],
    [': OPENROUTER PROCESSING\n: more\n\n', ''],
    [': comment\ndata: 1\n\n', '1'],
    ['retry: 1000\n\n', ''],
    ['database: 1\n\n', ''],
    ['data: a: data: b\n\n', 'a: data: b'],
  ])('reads, of %j, %j', (event, data) => {
    expect(dataOf(event)).toBe(data);
  });
});

describe('headerSafe', () => {
  it.each(['openai/gpt-5-mini', 'anthropic/claude-sonnet-4.5:online', '~a/b_c@preset/d'])(
    'leaves %s as it is',
    (id) => {
      expect(headerSafe(id)).toBe(id);
    },
  );

  it.each([
    ['módel', 'm%C3%B3del'],
    ['a\r\nset-cookie: x', 'a%0D%0Aset-cookie:%20x'],
    ['a\uD800b', 'a%EF%BF%BDb'],
    ['a\u2028🙂', 'a%E2%80%A8%F0%9F%99%82'],
  ])('writes %j as %s', (model, safe) => {
    expect(headerSafe(model)).toBe(safe);
  });

  it('makes one line of printable ASCII of whatever a client calls a model', () => {
    const codeUnits = fc.array(fc.nat({ max: 0xffff }), { maxLength: 40 });
    fc.assert(
      fc.property(codeUnits, (units) => {
        const safe = headerSafe(String.fromCharCode(...units));
        expect(safe).toMatch(/^[!-~]*$/);
        expect(new Headers({ 'x-gateway-model': safe }).get('x-gateway-model')).toBe(safe);
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});
