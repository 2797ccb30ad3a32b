import { parseArgs } from 'node:util';
import { run, UsageError } from './cli.ts';
import { applySchema, schemaState } from './database-schema.ts';
import { rollOut } from './deploy/rollout.ts';
import { type Environment, isPlaceholder, readEnvironment } from './environment.ts';

const HELP = `Deploys both workers, tries them out, and rolls both back if that fails.

  BASE_URL=https://… API_KEY=sk-… npm run deploy -- [OPTIONS]

What schema.sql has and the database has not is made first. Then the consumer is deployed, then the API worker; when /health answers, the smoke of npm run load is run with its audit. If anything fails, or on Ctrl-C, each worker whose version changed gets the one before. The exit code is 1 then.

  --env NAME           staging if not said otherwise; production
  --gradual PERCENT    so many of a hundred requests go to the API worker's new version, which the smoke asks for by
                       name; after it, all. A first deploy, and one with a Durable Object migration, is to all at once
  --settle SECONDS     between a deployment and the first question to it: 10 if not said otherwise
  --help               this

In the environment:
  BASE_URL             where the API worker answers
  API_KEY              a key of it with the permission 'write' that nothing else uses meanwhile
  CLOUDFLARE_API_TOKEN, CLOUDFLARE_ACCOUNT_ID    unless wrangler is logged in`;

/** `npm run deploy`. */
async function main(args: readonly string[]): Promise<void> {
  const options = parse(args);
  if (options.help) return console.log(HELP);
  const environment = readEnvironment(options.env);
  const { BASE_URL: url = '', API_KEY } = process.env;
  const gradual = options.gradual === undefined ? null : numberIn('gradual', options.gradual, 1, 99);
  const settleMs = numberIn('settle', options.settle, 0, 600) * 1000;
  if (!URL.canParse(url) || !API_KEY) throw new UsageError('BASE_URL and API_KEY say what is tried out: set both.');
  requireFilled(environment);
  bringSchema(environment.name);
  await rollOut({ environment, url, gradual, settleMs, signal: interruption() });
  console.log(`${environment.name} is deployed`);
}

/** Deploying needs real ids; of variables, an origin that is a placeholder matches nobody's. */
function requireFilled({ name, resources }: Environment): void {
  const placeholders = resources.flatMap(({ ids }) => ids.filter(isPlaceholder));
  if (placeholders.length === 0) return;
  throw new Error(`The wrangler files have ${placeholders.join(', ')} still: npm run staging:up -- --env ${name}`);
}

/** Tables are only ever added, so that the versions from before can go on with it. */
function bringSchema(env: string): void {
  const { missing, other } = schemaState(env);
  if (missing.length > 0) {
    console.log(`applying schema.sql: ${missing.join(', ')}`);
    applySchema(env);
  }
  if (other.length === 0) return;
  console.log(`not as in schema.sql, which changes nothing that exists: ${other.join(', ')}`);
  console.log('see docs/deployment.md, Upgrades');
}

/** Ctrl-C and SIGTERM end what is under way, and not what has to be done then. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const end = () => controller.abort();
  process.on('SIGINT', end).on('SIGTERM', end);
  return controller.signal;
}

function numberIn(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw new UsageError(`--${name} must be a whole number from ${least} to ${most}, not '${text}'.`);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        env: { type: 'string', default: 'staging' },
        gradual: { type: 'string' },
        settle: { type: 'string', default: '10' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

await run('npm run deploy', main);
