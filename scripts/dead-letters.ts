import { AdminApi, type Page } from './admin-api.ts';
import { agreed, onTerminal, run, UsageError } from './cli.ts';
import { change, type Scope, scopeOf } from './dead-letters/change.ts';
import { type Command, HELP, parseCommand } from './dead-letters/command-line.ts';
import {
  type Change,
  changeTable,
  type Letter,
  letterTable,
  outcomeLines,
  type Stuck,
  stuckText,
} from './dead-letters/shown.ts';

/** Outcomes by which a letter stays as it was. */
const UNDONE: ReadonlySet<Change['outcome']> = new Set(['refused', 'failed']);

/** `npm run dead-letters`: what could not be used, looked at, replayed or discarded, through the Admin API. */
async function main(args: readonly string[]): Promise<void> {
  const command = parseCommand(args);
  if (command.command === 'help') return console.log(HELP);
  const api = new AdminApi(command.url, process.env.ADMIN_KEY);
  switch (command.command) {
    case 'list':
      return list(api, command);
    case 'show': {
      const letter = await api.send('GET', `/admin/dead-letters/${encodeURIComponent(command.ids[0] ?? '')}`);
      return console.log(JSON.stringify(letter, null, command.json ? 0 : 2));
    }
    case 'replay':
    case 'discard':
      return replayOrDiscard(api, command);
  }
}

/** Also tells what was done before something failed. */
async function replayOrDiscard(api: AdminApi, command: Command): Promise<void> {
  const scope = command.ids.length > 0 ? null : await scopeOf(api, command.filter);
  if (scope && !command.dryRun && !(await isMeant(scope, command))) return console.log('nothing was done');
  const changes: Change[] = [];
  let { after } = command;
  try {
    for await (const page of change(api, command, scope)) {
      changes.push(...page.data);
      after = page.last_id ?? after;
    }
  } catch (error) {
    if (changes.length === 0) throw error;
    tell(changes, command);
    const rest = scope ? ` The rest: the same with --after ${after}` : '';
    throw new Error(`${(error as Error).message}\nThe run ended there, after ${changes.length}.${rest}`);
  }
  tell(changes, command);
  if (changes.some(({ outcome }) => UNDONE.has(outcome))) process.exitCode = 1;
  if (!command.json) console.log(await stuckInAll(api));
}

/** Whether all of a scope is meant: says what it is, and asks where somebody can be asked. */
async function isMeant({ stuck }: Scope, { command, yes, json }: Command): Promise<boolean> {
  if (!json) console.log(`to ${command}: ${stuckText(stuck)}`);
  if (yes || stuck.count === 0) return true;
  if (json || !onTerminal()) throw new UsageError(`'${command} --all' needs --yes where nobody can be asked.`);
  return agreed(`${command === 'replay' ? 'Replay' : 'Discard'} them?`);
}

function tell(changes: readonly Change[], { json, dryRun, ids }: Command): void {
  if (json) {
    console.log(JSON.stringify(changes));
    return;
  }
  const told = dryRun || ids.length > 0 ? changes : changes.filter(({ outcome }) => UNDONE.has(outcome));
  if (told.length > 0) console.log(`${changeTable(told)}\n`);
  if (dryRun) console.log('dry run: nothing was done');
  for (const line of outcomeLines(changes)) console.log(line);
}

/** A table of the first hundred, for nobody reads more; JSON of all. */
async function list(api: AdminApi, { filter, state, json }: Command): Promise<void> {
  const query = new URLSearchParams({ ...filter, state });
  if (json) return console.log(JSON.stringify(await api.all<Letter>(`/admin/dead-letters?${query}`)));
  const page = await api.send<Page<Letter>>('GET', `/admin/dead-letters?${query}&limit=100`);
  console.log(page.data.length === 0 ? 'no dead letters' : letterTable(page.data));
  if (page.has_more) console.log('… and more: narrow it down by filters, or take all of them with --json');
  console.log(`\n${await stuckInAll(api)}`);
}

async function stuckInAll(api: AdminApi): Promise<string> {
  const { stuck } = await api.send<{ stuck: Stuck }>('GET', '/admin/dead-letters/summary?state=stuck');
  return `stuck in all: ${stuckText(stuck)}`;
}

await run('npm run dead-letters', main);
