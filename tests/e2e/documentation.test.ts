import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type Markdown, markdownFiles } from '../support/markdown.ts';

/** What people read, and every other Markdown file that they are sent to. */
const DOCUMENTS = markdownFiles('README.md', 'docs/**/*.md', 'load/**/*.md');
const byPath = new Map(DOCUMENTS.map((document) => [document.path, document]));

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

/** Files of the project, without what is installed or built. */
const FILES = globSync('{*,.ci/**,.github/**,{api-worker,consumer-worker,docs,load,scripts,shared,tests}/**}', {
  exclude: (path) => /(?:^|\/)(?:node_modules|dist|results|\.wrangler)(?:\/|$)/.test(path),
});

const at = ({ path }: Markdown, line: number, what: string) => `${path}:${line} ${what}`;

/** The text of a file, read once. */
const source = (() => {
  const read = new Map<string, string>();
  return (path: string): string => {
    const text = read.get(path) ?? readFileSync(path, 'utf8');
    read.set(path, text);
    return text;
  };
})();

/** The document that must be there, and its tables whose first column is named so. */
function tablesOf(path: string, firstColumn: string) {
  const document = byPath.get(path);
  expect(document, `${path} is there`).toBeDefined();
  return (document?.tables ?? []).filter(({ head }) => head[0] === firstColumn);
}

/** The code spans of a cell: `` `a`, `b` `` is a and b. */
const codesIn = (cell = '') => [...cell.matchAll(/`([^`]*)`/g)].map(([, code = '']) => code);

describe('links', () => {
  const links = DOCUMENTS.flatMap((document) => document.links.map((link) => ({ document, ...link })));

  it('within the project lead to what is there, and to headings that are there', () => {
    const broken = links.flatMap(({ document, target, line }) => {
      if (/^[a-z]+:/.test(target)) return [];
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? document.path : normalize(join(dirname(document.path), path));
      if (!existsSync(file)) return [at(document, line, target)];
      if (anchor === undefined) return [];
      return byPath.get(file)?.anchors.has(anchor) ? [] : [at(document, line, `${target}: no such heading`)];
    });
    expect(broken).toEqual([]);
  });

  it('to elsewhere are https', () => {
    const external = links.filter(({ target }) => /^[a-z]+:/.test(target));
    const odd = external.filter(({ target }) => !URL.canParse(target) || !target.startsWith('https://'));
    expect(odd.map(({ document, target, line }) => at(document, line, target))).toEqual([]);
    expect(external.length).toBeGreaterThan(5);
  });

  it('lead from docs/README.md to every document of its folder, and from the decisions’ index to every decision', () => {
    for (const index of ['docs/README.md', 'docs/decisions/README.md']) {
      const folder = dirname(index);
      const linked = new Set(byPath.get(index)?.links.map(({ target }) => join(folder, target.split('#')[0] ?? '')));
      const own = DOCUMENTS.filter(({ path }) => dirname(path) === folder && path !== index);
      expect(own.map(({ path }) => path).filter((path) => !linked.has(path))).toEqual([]);
    }
  });

  it('to a decision have its number and title', () => {
    const [index] = tablesOf('docs/decisions/README.md', '');
    const rows = index?.rows.map(([link = '', title]) => [/\((.+)\)/.exec(link)?.[1] ?? '', title]) ?? [];
    const titles = rows.map(([file = '']) => [file, /^# (.+)$/m.exec(source(join('docs/decisions', file)))?.[1]]);
    expect(rows).toEqual(titles);
  });
});

describe('what stands in backticks', () => {
  const codes = DOCUMENTS.flatMap((document) => document.codes.map((code) => ({ path: document.path, code })));

  it('and looks like a path is one', () => {
    const top = /^(?:api-worker|consumer-worker|shared|scripts|tests|load|docs)\/[\w./@-]*$/;
    const file = /^[\w./-]+\.(?:ts|mjs|sql|toml|md|svg)$/;
    const isThere = (code: string) => {
      const path = code.replace(/\/$/, '');
      return FILES.some((known) => known === path || known.endsWith(`/${path}`));
    };
    const missing = codes.filter(({ code }) => (top.test(code) || file.test(code)) && !isThere(code));
    expect(missing.map(({ path, code }) => `${path}: ${code}`)).toEqual([]);
    expect(codes.filter(({ code }) => isThere(code)).length).toBeGreaterThan(50);
  });

  it('and is run by npm is a script', () => {
    const blocks = DOCUMENTS.flatMap(({ path, blocks }) =>
      blocks.flatMap(({ lines }) => lines.map((code) => ({ path, code }))),
    );
    const missing = [...codes, ...blocks].flatMap(({ path, code }) =>
      [...code.matchAll(/npm run ([\w:-]+)/g)]
        .filter(([, name = '']) => scripts[name] === undefined)
        .map(([command]) => `${path}: ${command}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('Mermaid', () => {
  const diagrams = DOCUMENTS.flatMap((document) =>
    document.blocks
      .filter(({ language }) => language === 'mermaid')
      .map(({ lines: [first = '', ...lines], line }) => ({ where: at(document, line, first), first, lines })),
  );

  it('diagrams are of a kind that GitHub draws, and have something in them', () => {
    expect(diagrams.length).toBeGreaterThan(3);
    for (const { where, first, lines } of diagrams) {
      expect(first, where).toMatch(/^(?:flowchart (?:LR|TD|TB)|sequenceDiagram|stateDiagram-v2)$/);
      expect(lines.length, where).toBeGreaterThan(2);
    }
  });

  it('flow charts close what they open', () => {
    for (const { where, first, lines } of diagrams.filter((one) => one.first.startsWith('flowchart'))) {
      const bare = lines.map((line) => line.replaceAll(/"[^"]*"/g, '').replaceAll(/<-{2}|-{2}>|-\.->/g, ''));
      const odd = bare.filter((line) =>
        [/[[\]]/g, /[{}]/g, /[()]/g].some((brackets) => (line.match(brackets)?.length ?? 0) % 2 !== 0),
      );
      expect(odd, `${where} ${first}`).toEqual([]);
    }
  });

  it('sequence diagrams speak of participants that they name, and end every block', () => {
    for (const { where, lines } of diagrams.filter((one) => one.first === 'sequenceDiagram')) {
      const named = new Set(lines.flatMap((line) => /^ *participant (\w+)/.exec(line)?.[1] ?? []));
      const arrows = lines.flatMap((line) => {
        const [, from, to] = /^ *(\w+)-{1,2}>>(\w+): ./.exec(line) ?? [];
        return from && to ? [from, to] : [];
      });
      expect(
        arrows.filter((name) => !named.has(name)),
        where,
      ).toEqual([]);
      const count = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).length;
      expect(count(/^ *(?:opt|loop|alt|par) ./), where).toBe(count(/^ *end$/));
      const known = /^ *(?:autonumber|participant |opt |loop |alt |else|par |and |end$|Note over |\w+-{1,2}>>)/;
      expect(
        lines.filter((line) => !known.test(line)),
        where,
      ).toEqual([]);
    }
  });

  it('state diagrams are transitions', () => {
    for (const { where, lines } of diagrams.filter((one) => one.first === 'stateDiagram-v2')) {
      expect(
        lines.filter((line) => !/^ *(?:\[\*\]|\w+) --> (?:\[\*\]|\w+)(?:: .+)?$/.test(line)),
        where,
      ).toEqual([]);
    }
  });
});

describe('docs/configuration.md', () => {
  const WRANGLER = { api: source('wrangler.api.toml'), consumer: source('wrangler.consumer.toml') };
  type Worker = keyof typeof WRANGLER;
  const WORKERS = Object.keys(WRANGLER) as Worker[];

  /** The variables of a wrangler file in a section such as `vars` or `env.staging.vars`. */
  const varsOf = (worker: Worker, section: string): Record<string, string> => {
    const begin = WRANGLER[worker].split(`\n[${section}]\n`)[1] ?? '';
    const lines = (begin.split('\n[')[0] ?? '').matchAll(/^([A-Z][A-Z0-9_]+) = "(.*)"$/gm);
    return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
  };
  const workerOf = (names: (worker: Worker) => ReadonlySet<string>, name: string) => {
    const having = WORKERS.filter((worker) => names(worker).has(name));
    return having.length === 2 ? 'both' : having[0];
  };

  const rows = tablesOf('docs/configuration.md', 'variable').flatMap((table) => table.rows);
  const documented = rows.map(([cell]) => codesIn(cell)[0] ?? '');
  const example = source('.dev.vars.example');
  /** By name, whether commented out or not. */
  const examples = parseEnv(example.replaceAll(/^# (?=[A-Z_0-9]+=)/gm, ''));
  const secrets = [...example.matchAll(/^([A-Z_]+)=/gm)].map(([, name = '']) => name);

  it('names each variable once', () => {
    expect(documented.filter((name, n) => documented.indexOf(name) !== n)).toEqual([]);
  });

  it('names the variables of the wrangler files and .dev.vars.example, and no other', () => {
    const known = new Set([
      ...WORKERS.flatMap((worker) => Object.keys(varsOf(worker, 'vars'))),
      ...Object.keys(examples),
    ]);
    expect(documented.toSorted()).toEqual([...known].toSorted());
  });

  it('.dev.vars.example names all of them, too', () => {
    expect(documented.filter((name) => !(name in examples))).toEqual([]);
  });

  it('tells their defaults and their worker as the wrangler files have them', () => {
    const values = { ...varsOf('consumer', 'vars'), ...varsOf('api', 'vars') };
    const told = rows.map(([name, value, , worker]) => [codesIn(name)[0] ?? '', codesIn(value)[0] ?? '', worker]);
    const inFiles = told.filter(([name = '']) => name in values);
    const names = (worker: Worker) => new Set(Object.keys(varsOf(worker, 'vars')));
    expect(inFiles).toEqual(inFiles.map(([name = '']) => [name, values[name], workerOf(names, name)]));
    const policy = source('api-worker/upstream/policy.ts');
    const inCode = (name: string) => {
      const field = new RegExp(`env\\.${name} \\?\\? DEFAULTS\\.(\\w+)`).exec(policy)?.[1];
      return new RegExp(`^  ${field}: ([\\d_]+),`, 'm').exec(policy)?.[1]?.replaceAll('_', '');
    };
    const others = told.filter(([name = '']) => !(name in values) && !secrets.includes(name));
    expect(others).toEqual(others.map(([name = '']) => [name, inCode(name), 'api']));
  });

  it('every environment sets the same variables', () => {
    for (const worker of WORKERS) {
      const local = Object.keys(varsOf(worker, 'vars'));
      for (const environment of ['staging', 'production']) {
        expect(Object.keys(varsOf(worker, `env.${environment}.vars`)), `${worker} ${environment}`).toEqual(local);
      }
    }
  });

  it('both workers have the same value of what both have', () => {
    const [api, consumer] = [varsOf('api', 'vars'), varsOf('consumer', 'vars')];
    const unlike = Object.keys(api).filter((name) => name in consumer && api[name] !== consumer[name]);
    expect(unlike).toEqual([]);
  });

  it('names the bindings of the wrangler files, with their worker', () => {
    const names = (worker: Worker) =>
      new Set([...WRANGLER[worker].matchAll(/^(?:binding|name) = "([A-Z_]+)"$/gm)].map(([, name = '']) => name));
    const told = tablesOf('docs/configuration.md', 'binding').flatMap((table) =>
      table.rows.map(([name, , worker]) => [codesIn(name)[0] ?? '', worker]),
    );
    const all = [...new Set(WORKERS.flatMap((worker) => [...names(worker)]))];
    expect(told.toSorted()).toEqual(all.map((name) => [name, workerOf(names, name)]).toSorted());
  });
});

describe('docs/operations.md', () => {
  const workerFiles = FILES.filter(
    (path) => /^(?:api-worker|consumer-worker)\/.*\.ts$/.test(path) && statSync(path).isFile(),
  );
  const code = workerFiles.map(source).join('\n');

  it('explains every alert', () => {
    const told = tablesOf('docs/operations.md', 'alert').flatMap((table) =>
      table.rows.flatMap(([name]) => codesIn(name)),
    );
    const alerts = [...source('consumer-worker/alerts/alerts.ts').matchAll(/name: '(\w+)'/g)].map(([, name]) => name);
    expect(alerts.length).toBeGreaterThan(5);
    expect(alerts.filter((name = '') => !told.includes(name))).toEqual([]);
  });

  it('explains every line of the log, and no other', () => {
    const told = tablesOf('docs/operations.md', '`event`').flatMap((table) =>
      table.rows.flatMap(([name]) => codesIn(name)),
    );
    const logged = [...code.matchAll(/(?:\bevent: |logFailure\()'([a-z_]+)'/g)].map(([, name = '']) => name);
    expect(logged.length).toBeGreaterThan(20);
    expect(logged.filter((name) => !told.includes(name))).toEqual([]);
    expect(told.filter((name) => !code.includes(`'${name}'`))).toEqual([]);
  });
});
