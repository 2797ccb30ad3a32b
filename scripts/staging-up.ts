import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { agreed, onTerminal, run, UsageError } from './cli.ts';
import { applySchema, type SchemaState, schemaState } from './database-schema.ts';
import { CONFIGS, type Environment, readEnvironment } from './environment.ts';
import { type Account, creation, readAccount } from './staging-up/account.ts';
import { filled, idOf, planOf, type Step } from './staging-up/plan.ts';
import { missingSecrets } from './staging-up/secrets.ts';
import { wrangler } from './wrangler.ts';

const HELP = `Creates what an environment needs on Cloudflare: the database with its schema, the key-value namespace, the queues and their dead-letter queues, and the bucket if the wrangler files bind one.

  npm run staging:up [-- OPTIONS]

What is there already stays as it is; of what is missing the commands are shown first, and run after a yes. The ids of what was created are written into both wrangler files. A run that failed is finished by the next.

  --env NAME   staging if not said otherwise; production
  --dry-run    only shows all commands, and asks no account
  --yes        without a question
  --help       this

Wrangler must be signed in: npx wrangler login, or CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID in the environment.`;

/** `npm run staging:up`: all that an environment needs before its first deploy. */
async function main(args: readonly string[]): Promise<void> {
  const options = parse(args);
  if (options.help) return console.log(HELP);
  const environment = readEnvironment(options.env);
  if (options['dry-run']) return showAll(environment);
  const { account, steps, schema } = look(environment);
  const commands = commandsOf(steps, schema, environment);
  if (commands.length > 0) {
    console.log(`missing in ${environment.name}:\n\n${listed(commands)}\n`);
    if (!options.yes && !onTerminal()) throw new UsageError('Creating it needs --yes where nobody can be asked.');
    if (!options.yes && !(await agreed('Create it?'))) return console.log('nothing was done');
  }
  for (const step of steps) bring(step, account);
  if (schema === null || schema.missing.length > 0) {
    console.log('applying schema.sql');
    applySchema(environment.name);
  }
  if (commands.length === 0) console.log(`${environment.name} has all its resources`);
  if (schema) tellOther(schema);
  tellRest(readEnvironment(environment.name));
}

/** What is missing; of a database that is still to be created, the schema is null. */
function look({ name, resources }: Environment): { account: Account; steps: Step[]; schema: SchemaState | null } {
  console.error('looking at what the account has');
  const account = readAccount(resources);
  const steps = planOf(resources, account);
  const database = steps.find(({ resource }) => resource.kind === 'd1');
  // The schema is asked by the database's id, which therefore must stand in the files.
  const unbound = database === undefined || database.create || database.placeholders.length > 0;
  return { account, steps, schema: unbound ? null : schemaState(name) };
}

function commandsOf(steps: readonly Step[], schema: SchemaState | null, { name }: Environment): string[] {
  return [
    ...steps.filter(({ create }) => create).map(({ resource }) => shown(creation(resource))),
    ...steps
      .filter(({ create, placeholders }) => !create && placeholders.length > 0)
      .map(({ resource }) => `# only its id in the wrangler files: ${resource.name}`),
    ...(schema === null || schema.missing.length > 0 ? [`npm run db:apply:${name}`] : []),
  ];
}

/** Creates a resource if the account lacked it, and at once writes its id down. */
function bring({ resource, create, placeholders }: Step, account: Account): void {
  if (create) {
    console.log(`creating ${resource.name}`);
    wrangler(creation(resource));
  }
  if (placeholders.length === 0) return;
  const id = idOf(resource, create ? readAccount([resource]) : account);
  if (id === undefined) throw new Error(`${resource.name} was created, but is not listed yet: run this again.`);
  for (const config of Object.values(CONFIGS)) {
    const before = readFileSync(config, 'utf8');
    const after = placeholders.reduce((text, placeholder) => filled(text, placeholder, id), before);
    if (after === before) continue;
    writeFileSync(config, after);
    console.log(`${config}: ${placeholders.join(', ')} is ${id}`);
  }
}

function tellOther({ other }: SchemaState): void {
  if (other.length === 0) return;
  console.log(`of another version than schema.sql, which changes nothing that exists: ${other.join(', ')}`);
  console.log('see docs/deployment.md, Upgrades');
}

/** What only the owner can do. */
function tellRest(environment: Environment): void {
  const missing = missingSecrets(environment);
  const [required, optional] = [missing.filter((secret) => secret.required), missing.filter((one) => !one.required)];
  if (required.length > 0)
    tell(
      'secrets that are missing',
      required.map(({ command }) => shown(command)),
    );
  if (optional.length > 0)
    tell(
      'secrets that are not set, and need not be',
      optional.map(({ command }) => shown(command)),
    );
  tellUnset(environment);
  tell('then', [`npm run deploy:${environment.name}`, `npm run keys -- bootstrap --env ${environment.name}`]);
}

function tellUnset({ unset }: Environment): void {
  if (unset.length === 0) return;
  tell(
    'to be replaced by hand',
    unset.map(({ config, variable, value }) => `${config}: ${variable} = "${value}"`),
  );
}

/** All commands of an environment, whether or not they are needed. */
function showAll(environment: Environment): void {
  const { name, resources } = environment;
  tell('resources', [...resources.map((resource) => shown(creation(resource))), `npm run db:apply:${name}`]);
  tell(
    'secrets',
    missingSecrets(environment, false).map(({ command }) => shown(command)),
  );
  tellUnset(environment);
  console.log('dry run: nothing was done, and nobody was asked what is there already');
}

function tell(what: string, lines: readonly string[]): void {
  console.log(`${what}:\n\n${listed(lines)}\n`);
}

function listed(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}

function shown(args: readonly string[]): string {
  return `npx wrangler ${args.join(' ')}`;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        env: { type: 'string', default: 'staging' },
        'dry-run': { type: 'boolean', default: false },
        yes: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

await run('npm run staging:up', main);
