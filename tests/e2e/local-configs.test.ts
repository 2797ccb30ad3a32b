import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unstable_getVarsForDev as getVarsForDev } from 'wrangler';
import { writeLocalConfigs } from '../../scripts/local-configs.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openai-api-'));
  await writeFile(join(folder, 'w.toml'), 'name = "w"\nmain = "index.ts"\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const write = (vars: Record<string, string | undefined>) =>
  writeLocalConfigs([join(folder, 'w.toml')], folder, vars)[0] ?? '';

describe('the .dev.vars of npm start', () => {
  it('give workers their variables as they are', () => {
    const vars = {
      plain: 'sk-or-v1-0123',
      empty: '',
      json: '{"a":"b \\n c"}',
      quotes: `it's "so"`,
      backquotes: `it's \`so\``,
      backslashes: 'C:\\new\\r\\table',
      spaces: '  around # and a hash  ',
      lines: '-----BEGIN KEY-----\nMII=\n-----END KEY-----\n',
      dollar: '$HOME',
      last: "'",
    };
    const read = getVarsForDev(write(vars), undefined, {}, undefined, true);
    expect(Object.fromEntries(Object.entries(read).map(([name, { value }]) => [name, value]))).toEqual(vars);
  });

  it.each([
    ['all quotes', `'"\``],
    ['quotes but ", in which \\n is a line end', "'`\\n"],
    ['a backslash at the end', 'secret\\'],
    ['a carriage return', 'a\r\nb'],
  ])('are refused in a line, without the value, where they cannot: %s', (_, value) => {
    expect(() => write({ JWT_SECRET: value })).toThrow(
      /^JWT_SECRET cannot be handed to the workers: it holds all of ' ` and ", a carriage return, or a backslash at its end\.$/,
    );
  });
});
