import { AdminApi, type Page } from './admin-api.ts';
import { run } from './cli.ts';
import { change } from './dead-letters/change.ts';
import { type Command, HELP, parseCommand } from './dead-letters/command-line.ts';
import { changeTable, type Letter, letterTable, outcomeLines, type Stuck, stuckLine } from './dead-letters/shown.ts';

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
    case 'discard': {
      const changes = await change(api, command);
      const undone = changes.filter(({ outcome }) => outcome === 'refused' || outcome === 'failed');
      if (undone.length > 0) process.exitCode = 1;
      if (command.json) return console.log(JSON.stringify(changes));
      const told = command.dryRun || command.ids.length > 0 ? changes : undone;
      if (told.length > 0) console.log(`${changeTable(told)}\n`);
      if (command.dryRun) console.log('dry run: nothing was done');
      for (const line of outcomeLines(changes)) console.log(line);
      return console.log(await stuckInAll(api));
    }
  }
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
  return stuckLine((await api.send<{ stuck: Stuck }>('GET', '/admin/dead-letters/summary?state=stuck')).stuck);
}

await run('npm run dead-letters', main);
