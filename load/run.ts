import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run, UsageError } from '../scripts/cli.ts';
import { type Audited, auditRun } from './audit-run.ts';
import { k6, runK6 } from './k6.ts';
import { startLoaded } from './local.ts';
import { freshFiles, keepLedger, keepRecord, type RunRecord, seenIn, summaryOf, type Where } from './results.ts';

const SCENARIOS = {
  smoke: 'does it work at all: 3 at once, 1 minute',
  average: 'ordinary load up to 200 people at once, 16 minutes',
  stream: 'long streams only: first byte, evenness; 30 at once, 3 minutes',
  spike: 'from 10 to 150 people within 2 seconds, and back; 2 minutes',
  soak: '60 people for long: SOAK_DURATION, 30 minutes if not set',
  limits: 'a key at its limit is refused in due form, others notice nothing; 2 minutes',
};

const REMARKS_SHOWN = 10;

const HELP = `Load by k6, and afterwards the comparison of what it saw with the ledger.

  npm run load -- SCENARIO [OPTIONS]

${Object.entries(SCENARIOS)
  .map(([name, what]) => `  ${name.padEnd(12)}${what}`)
  .join('\n')}

Without BASE_URL it starts both workers and the simulated OpenRouter on this machine, and stops them in the end. The exit code is 1 if a threshold was crossed, if the ledger lacks anything, has anything twice, or cannot be read, or if it was interrupted: then the summary and the audit are of what was done until then.

  --env NAME       whose D1 is read: if not said, that of npm start for a BASE_URL on this machine, else staging's
  --no-audit       the ledger is not looked at; npm run load:audit does that later
  --help           this

In the environment:
  BASE_URL         the system, with or without /v1
  API_KEY          a key of it that nothing else uses meanwhile; several, separated by commas, for several accounts
  MODEL            openai/gpt-5-mini if not set; EMBEDDINGS_MODEL: openai/text-embedding-3-small
  LIMITED_API_KEY  for limits: a key of an account that 10 requests a second bring to its limit
  VERSION_OVERRIDE name="version": which version is to answer, of a worker that is split between two
  PROFILE          ci: each scenario is over within 20 seconds
  SOAK_DURATION    such as 2h

The last line is JSON: {"load":"average","requests":n,"failed_rate":0,"added_p95_ms":n,"ledger_missing":0,"ledger_doubled":0}`;

interface Asked {
  load: string;
  audit: boolean;
  /** undefined: it goes by the URL. */
  environment: string | undefined;
}

/** `npm run load`: one scenario against a system on this machine, or against the one that BASE_URL names. */
async function main(args: readonly string[]): Promise<void> {
  const asked = parse(args);
  if (asked === null) return console.log(HELP);
  const program = k6();
  const { BASE_URL } = process.env;
  if (BASE_URL) return load(program, asked, {}, whereOf(BASE_URL, asked.environment));
  console.log('starting both workers and the simulator');
  const { system, env, reloaded, stop } = await startLoaded();
  try {
    if (interrupted) return;
    await load(program, asked, env, { stateDir: system.stateDir });
    keepLedger(system.stateDir);
    if (reloaded()) {
      console.error('Files changed under the development server, which lost its queues: what is missing says nothing.');
      process.exitCode = 1;
    }
  } finally {
    await stop();
    if (process.exitCode) {
      const log = join(tmpdir(), `load-${asked.load}.log`);
      writeFileSync(log, system.output());
      console.error(`what the workers logged: ${log}`);
    }
  }
}

/** Runs the scenario and the audit, and says what came of it; the exit code is 1 if anything is not as it must be. */
async function load(program: string, asked: Asked, env: Record<string, string>, where: Where): Promise<void> {
  const { load } = asked;
  const files = freshFiles(load);
  const record: RunRecord = { load, where, startedAt: Date.now(), endedAt: null };
  keepRecord(record);
  const script = `load/scenarios/${load}.ts`;
  const outcome = await runK6(program, { script, ...files, env: { ...env, LOG_REQUESTS: '1' } }).finally(() =>
    tell(load),
  );
  const ended = { ...record, endedAt: Date.now() };
  keepRecord(ended);
  if (outcome === 'interrupted') console.error('k6 was interrupted: this is what it saw until then.');
  const { requests, failedRate, addedP95Ms } = summaryOf(load);
  if (requests === null && outcome !== 'interrupted') throw new Error('k6 made no requests.');
  const audited = asked.audit ? await auditUntilInterrupted(ended).catch(notAudited) : null;
  if (outcome !== 'held' || (asked.audit && !audited?.clean)) process.exitCode = 1;
  console.log(
    JSON.stringify({
      load,
      requests,
      failed_rate: failedRate,
      added_p95_ms: addedP95Ms,
      ledger_missing: audited?.ledger_missing ?? null,
      ledger_doubled: audited?.ledger_doubled ?? null,
    }),
  );
}

/** After k6's end, Ctrl-C ends the waiting for the queues. */
async function auditUntilInterrupted(record: RunRecord): Promise<Audited> {
  const enough = new AbortController();
  const end = () => enough.abort();
  process.once('SIGINT', end).once('SIGTERM', end);
  return auditRun(record, enough.signal).finally(() => process.off('SIGINT', end).off('SIGTERM', end));
}

function notAudited({ message }: Error): null {
  console.error(`There was no audit: ${message}\nnpm run load:audit looks again.`);
  return null;
}

/** What the scripts remarked, such as why requests failed. */
function tell(load: string): void {
  const { remarks } = seenIn(load);
  for (const remark of remarks.slice(0, REMARKS_SHOWN)) console.error(remark);
  if (remarks.length > REMARKS_SHOWN) console.error(`and ${remarks.length - REMARKS_SHOWN} remarks more`);
}

/** A system on this machine is that of `npm start`, unless an environment is named. */
function whereOf(url: string, environment: string | undefined): Where {
  if (!URL.canParse(url)) throw new Error(`BASE_URL must be a URL such as https://api.example.com, not '${url}'.`);
  const local = ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
  if (local && environment === undefined) return { stateDir: process.env.STATE_DIR ?? '.wrangler/state' };
  return { environment: environment ?? 'staging' };
}

/** @returns null: help was asked for. */
function parse(args: readonly string[]): Asked | null {
  const { values, positionals } = parsed(args);
  const [load, ...more] = positionals;
  if (values.help) return null;
  const list = `There are: ${Object.keys(SCENARIOS).join(', ')}.`;
  if (load === undefined) throw new UsageError(`Which scenario? ${list}`);
  if (!Object.hasOwn(SCENARIOS, load)) throw new UsageError(`There is no scenario '${load}'. ${list}`);
  if (more[0] !== undefined) throw new UsageError(`'${more[0]}' is one word too many.`);
  return { load, audit: !values['no-audit'], environment: values.env };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        env: { type: 'string' },
        'no-audit': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

let interrupted = false;

/** What was started is stopped first, and what was found so far is told. */
function interrupt(): void {
  interrupted = true;
  process.exitCode = 1;
}

process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
await run('npm run load', main);
