import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { openAiSpec } from '../support/openai-spec.ts';
import { ALIASES, HEADERS, PARAMETERS, type Parameter, type Parameters } from '../support/parameters.ts';
import { type System, startSystem } from '../support/system.ts';

interface Refusal {
  status: number;
  code: string | null;
  message: string;
}

/** What becomes of a parameter; a string for those that are not refused. */
type Fate = 'passed through' | 'handled' | 'dropped' | Refusal;

let system: System;
beforeAll(async () => {
  const aliases = Object.entries(ALIASES).map(([name, model]) => `${name}=${model}`);
  system = await startSystem({ MODEL_ALIASES: aliases.join(',') });
});
afterAll(() => system.stop());

function send(path: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(system.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function refusalOf(response: Response): Promise<Refusal> {
  const { error } = (await response.json()) as { error: { message: string; code: string | null } };
  return { status: response.status, code: error.code, message: error.message };
}

/** Sends a request that says so and looks at what the upstream, `/sim/requests/last`, received of it. */
async function fateOf({ path, base }: Parameters, parameter: Parameter): Promise<Fate> {
  const { name, value, beside, handled } = parameter;
  const what = `${path} ${titleOf(parameter)}`;
  const response = await send(path, { ...base, ...beside, [name]: value, sent_as: what });
  const last = await (await fetch(`${system.upstream.origin}/sim/requests/last`)).text();
  const received = JSON.parse(last || '{}') as Record<string, unknown>;
  if (received.sent_as !== what) {
    expect(response.status, `${what} did not get upstream, so that it must have been refused`).toBe(400);
    return refusalOf(response);
  }
  expect(response.status, `${what} is a good value`).toBe(200);
  await response.text();
  if (JSON.stringify(received[name]) === JSON.stringify(value)) return 'passed through';
  return handled === undefined ? 'dropped' : 'handled';
}

function titleOf({ name, which }: Parameter): string {
  return which === undefined ? `\`${name}\`` : `\`${name}\`: ${which}`;
}

/** Text as a table's cell has it. */
const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (value: unknown): string => `\`${JSON.stringify(value)}\``;
const refused = ({ status, code: why, message }: Refusal): string => `${status} \`${why}\` | ${cell(message)}`;

describe('docs/parameters.md', () => {
  it('says what becomes of every parameter, and none is dropped in silence', async () => {
    /** By parameter, by path. */
    const fates = new Map<string, Map<string, string>>();
    const handled = new Map<string, string[]>();
    const refusals: string[] = [];
    for (const endpoint of PARAMETERS) {
      for (const parameter of [...endpoint.official, ...endpoint.others]) {
        const { path } = endpoint;
        const title = titleOf(parameter);
        const fate = await fateOf(endpoint, parameter);
        expect(fate, `${path} ${title} is dropped in silence`).not.toBe('dropped');
        if (parameter.handled !== undefined) {
          expect(fate, `${path} ${title} is said to be handled: ${parameter.handled}`).toBe('handled');
          const line = `| ${cell(title)} | ${cell(parameter.handled)} |`;
          handled.set(line, [...(handled.get(line) ?? []), path]);
        }
        if (typeof fate !== 'string') {
          refusals.push(`| \`${path}\` | ${cell(title)} | ${code(parameter.value)} | ${refused(fate)} |`);
        }
        const word = typeof fate === 'string' ? fate : `refused, ${fate.status}`;
        fates.set(title, (fates.get(title) ?? new Map<string, string>()).set(path, word));
      }
    }
    const paths = PARAMETERS.map(({ path }) => path);
    const rows = [...fates]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([title, by]) => `| ${cell(title)} | ${paths.map((path) => by.get(path) ?? '–').join(' | ')} |`);
    const table = `# What becomes of every parameter

All parameters of OpenAI's four requests, OpenRouter's own and the gateway's, each sent through the gateway and looked for in what the upstream received. Written and checked by \`tests/e2e/parameters.test.ts\`, which fails if one neither arrives unchanged nor is refused nor is handled by the gateway itself. What arrives unchanged is the upstream's to heed: not every provider heeds everything. – stands where neither OpenAI nor OpenRouter has the parameter; what is not named at all is passed through.

| parameter | ${paths.map((path) => `\`${path}\``).join(' | ')} |
| --- |${paths.map(() => ' --- |').join('')}
${rows.join('\n')}

## Handled by the gateway

| parameter | how | where |
| --- | --- | --- |
${[...handled].map(([line, where]) => `${line} ${where.map((path) => `\`${path}\``).join(', ')} |`).join('\n')}

## Refused

| endpoint | parameter | such as | error | message |
| --- | --- | --- | --- | --- |
${refusals.join('\n')}

## Headers

All are taken by the four endpoints above; \`x-gateway-resume\` means something to streams of \`/v1/chat/completions\` alone.

| header | what it does | a bad value | gets | message |
| --- | --- | --- | --- | --- |
${(await headerRows()).join('\n')}
`;
    await expect(table).toMatchFileSnapshot('../../docs/parameters.md');
  });
});

async function headerRows(): Promise<string[]> {
  const rows: string[] = [];
  for (const { name, does, good, bad } of HEADERS) {
    let gets = '– | – | –';
    for (const [n, { path, base }] of PARAMETERS.entries()) {
      // Of each endpoint its own, or another request would come under the same idempotency key.
      const taken = await send(path, base, { [name]: name === 'idempotency-key' ? `${good}${n}` : good });
      expect(taken.status, `${path} takes ${name}: ${good}`).toBe(200);
      await taken.text();
      if (bad === null) continue;
      const refusal = await refusalOf(await send(path, base, { [name]: bad.value }));
      const words = `${bad.which} | ${refused(refusal)}`;
      expect(refusal.status, `${path} refuses ${name}: ${bad.value}`).toBe(400);
      if (n > 0) expect(words, `${path} refuses ${name} as the other endpoints do`).toBe(gets);
      gets = words;
    }
    rows.push(`| \`${name}\` | ${cell(does)} | ${gets} |`);
  }
  return rows;
}

const spec = openAiSpec();
const OPENAI_SPEC = process.env.OPENAI_SPEC ?? new URL('../../../shared/openai-openapi.yaml', import.meta.url).pathname;

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  properties?: Record<string, unknown>;
}

/** The names of an official schema's properties, those of its parts included. */
function propertiesOf(schema: Schema, schemas: Record<string, Schema>): string[] {
  const referred = schema.$ref ? [schemas[schema.$ref.replace('#/components/schemas/', '')] ?? {}] : [];
  const parts = [...referred, ...(schema.allOf ?? [])];
  return [...Object.keys(schema.properties ?? {}), ...parts.flatMap((part) => propertiesOf(part, schemas))];
}

describe.skipIf(!spec)(`the list of parameters, by OpenAI’s own${spec ? '' : ` (skipped, no ${OPENAI_SPEC})`}`, () => {
  it.each(PARAMETERS)('names all of $schema and no other', ({ schema, official }) => {
    const { components } = parse(readFileSync(OPENAI_SPEC, 'utf8')) as {
      components: { schemas: Record<string, Schema> };
    };
    const names = new Set(propertiesOf({ $ref: schema }, components.schemas));
    expect([...new Set(official.map(({ name }) => name))].sort()).toEqual([...names].sort());
  });

  it.each(PARAMETERS)('has values that $schema takes', ({ schema, base, official }) => {
    const wrong = official.flatMap((parameter) => {
      const body = { ...base, ...parameter.beside, [parameter.name]: parameter.value };
      return (spec?.validator(schema)(body) ?? []).map((line) => `${titleOf(parameter)} ${line}`);
    });
    expect(wrong).toEqual([]);
  });
});
