import fc from 'fast-check';

/** JSON that is wrong in ways in which clients, proxies and attackers get it wrong. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Where in a value something stands. */
type Path = readonly (string | number)[];

function pathsOf(value: Json, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner: [string | number, Json][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...inner.flatMap(([step, part]) => pathsOf(part, [...path, step]))];
}

/** A value with something else at a path; undefined: with nothing there. */
function put(value: Json, [step, ...rest]: Path, what: Json | undefined): Json | undefined {
  if (step === undefined || typeof value !== 'object' || value === null) return what;
  const changed = put((value as Record<string | number, Json>)[step] ?? null, rest, what);
  if (Array.isArray(value))
    return value.flatMap((part, n) => (n === step ? (changed === undefined ? [] : [changed]) : [part]));
  const others = Object.entries(value).flatMap(([name, part]): [string, Json][] => {
    if (name !== step) return [[name, part]];
    return changed === undefined ? [] : [[name, changed]];
  });
  return Object.fromEntries(others);
}

function nested(depth: number, inArrays: boolean): Json {
  let value: Json = 'deep';
  for (let level = 0; level < depth; level += 1) value = inArrays ? [value] : { a: value };
  return value;
}

const names = fc.constantFrom(
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'toJSON',
  'length',
  '',
  '0',
  '\u0000',
  'é',
  '\ud83d',
);

const texts = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    'NaN',
    'Infinity',
    '-0',
    'null',
    'true',
    '[object Object]',
    'undefined',
    '1e999',
    '../../etc',
  ),
  fc.constantFrom(
    '\u0000',
    '\ufeff',
    '\ud800',
    '\udc00x',
    '\u2028',
    '\u202e',
    'e\u0301',
    '🙂',
    '\r\n\r\n',
    '{{x}}',
    "';--",
  ),
  names,
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.integer({ min: 100, max: 5_000 }).map((length) => 'x'.repeat(length)),
);

const numbers = fc.oneof(
  fc.constantFrom(0, -0, -1, 1, 0.5, 2 ** 31, 2 ** 32, -(2 ** 53), 1e21, 1e308, -1e308, 5e-324),
  fc.integer({ min: -10, max: 200 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

/** Anything that JSON can say. */
const anything: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    false,
    [],
    {},
    [[]],
    [null],
    [{}],
    { type: null },
    { type: 'text' },
    { role: 'user' },
  ),
  numbers,
  texts,
  fc.dictionary(names, fc.oneof(texts, numbers, fc.constant(null)), { maxKeys: 3 }) as fc.Arbitrary<Json>,
  fc.array(fc.oneof(texts, numbers, fc.constant(null)), { maxLength: 4 }),
  fc.tuple(fc.integer({ min: 2, max: 500 }), fc.boolean()).map(([depth, inArrays]) => nested(depth, inArrays)),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
);

type Change<T> = (from: T) => T;

/** At a random place: something else, nothing, or the same in an array. */
const inValue: fc.Arbitrary<Change<Json>> = fc
  .record({
    at: fc.nat(),
    what: fc.oneof(
      { weight: 6, arbitrary: anything.map((other) => () => other) },
      { weight: 1, arbitrary: fc.constant(() => undefined) },
      { weight: 1, arbitrary: fc.constant((same: Json) => [same]) },
    ),
  })
  .map(({ at, what }) => (value) => {
    const paths = pathsOf(value);
    const path = paths[at % paths.length] ?? [];
    const there = path.reduce<Json>((part, step) => (part as Record<string | number, Json>)[step] ?? null, value);
    return put(value, path, what(there)) ?? null;
  });

/** A field more, of a known name or none. */
const fieldMore: fc.Arbitrary<Change<Json>> = fc.tuple(fc.oneof(names, fc.string()), anything).map(
  ([name, part]) =>
    (value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries([...Object.entries(value), [name, part]])
        : value,
);

/** What no JSON value can be, put where the text has a value. */
const literals = fc.constantFrom(
  'NaN',
  '-Infinity',
  'undefined',
  "'single'",
  '0x10',
  '01',
  '1.',
  '.5',
  '+1',
  '1e99999',
  '-1e99999',
  `${'9'.repeat(400)}`,
  '12345678901234567890',
  '1.0',
  '"\\ud800"',
  '"\\u0000"',
  '"\\x"',
  '"tab\there"',
  'new Date()',
  '/* */ 1',
  '',
  '{"__proto__":{"stream":true}}',
);

const inText: fc.Arbitrary<Change<string>> = fc.oneof(
  fc.nat().map((at) => (text: string) => text.slice(0, at % (text.length + 1))),
  fc.tuple(fc.nat(), literals).map(([at, literal]) => (text: string) => {
    const values = [
      ...text.matchAll(/(?<=[:[,])\s*(?:"(?:[^"\\]|\\.)*"|-?\d[\d.e+-]*|true|false|null)(?=\s*[,\]}])/gi),
    ];
    const value = values[at % (values.length || 1)];
    return value ? text.slice(0, value.index) + literal + text.slice(value.index + value[0].length) : text;
  }),
  fc.tuple(names, anything).map(([name, part]) => insert(`${JSON.stringify(name)}:${JSON.stringify(part)},`)),
  fc
    .tuple(fc.constantFrom('model', 'messages', 'stream', 'input', 'prompt', 'max_tokens', 'tools'), anything)
    .map(([name, part]) => insert(`"${name}":${JSON.stringify(part)},`)),
  fc
    .tuple(fc.nat(), fc.constantFrom(',', '}', ']', '{', '"', '\u0000', '\\', ':'))
    .map(([at, what]) => (text: string) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + what + text.slice(place);
    }),
  fc.constantFrom<Change<string>>(
    (text) => `\ufeff${text}`,
    (text) => `${text}${text}`,
    (text) => `${text}\u0000`,
    (text) => `[${text}]`,
    (text) => `data: ${text}\n\n`,
    (text) => JSON.stringify(text),
    (text) => text.replaceAll('"', "'"),
    (text) => text.replace(/\}\s*$/, ',}'),
    (text) => `\n\t ${text} \r\n`,
    (text) => text.replace('{', '{ // a comment\n'),
    () => '',
    () => ' ',
    () => 'null',
    () => '[]',
    () => '{}',
    () => '"model"',
    () => 'model=gpt-5&messages=hello',
  ),
  fc.tuple(fc.integer({ min: 1_000, max: 20_000 }), fc.boolean()).map(([depth, closed]) => {
    const deep = '['.repeat(depth) + (closed ? ']'.repeat(depth) : '');
    return insert(`"deep":${deep},`);
  }),
);

/** In front of an object's fields, where what comes twice is the earlier one. */
function insert(field: string): Change<string> {
  return (text) => text.replace('{', () => `{${field}`);
}

const BAD_BYTES = [
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xe2, 0x82],
  [0x80],
  [0],
  [0xfe],
];

const inBytes: fc.Arbitrary<Change<Uint8Array>> = fc.oneof(
  fc.tuple(fc.nat(), fc.constantFrom(...BAD_BYTES)).map(([at, bad]) => (bytes: Uint8Array) => {
    const place = at % (bytes.length + 1);
    return Uint8Array.from([...bytes.subarray(0, place), ...bad, ...bytes.subarray(place)]);
  }),
  fc.constant((bytes: Uint8Array) => Uint8Array.from([...bytes].flatMap((byte) => [byte, 0]))),
  fc.uint8Array({ maxLength: 200 }).map((noise) => () => noise as Uint8Array),
);

const inBody: fc.Arbitrary<Change<Uint8Array>> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .array(fc.oneof({ weight: 4, arbitrary: inValue }, fieldMore), { minLength: 1, maxLength: 3 })
      .map((changes) =>
        onText((text) => JSON.stringify(changes.reduce((value, change) => change(value), parse(text)))),
      ),
  },
  { weight: 7, arbitrary: inText.map(onText) },
  { weight: 2, arbitrary: inBytes },
);

function parse(text: string): Json {
  return JSON.parse(text) as Json;
}

function onText(change: Change<string>): Change<Uint8Array> {
  return (bytes) => new TextEncoder().encode(change(new TextDecoder().decode(bytes)));
}

/** A good body with one to three mistakes. */
export function spoilt(good: Json): fc.Arbitrary<Uint8Array> {
  return inBody.map((change) => change(new TextEncoder().encode(JSON.stringify(good))));
}
