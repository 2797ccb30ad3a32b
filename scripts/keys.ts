import { styleText } from 'node:util';
import { usdToNano } from '../shared/money.ts';
import { AdminApi } from './admin-api.ts';
import { run, UsageError } from './cli.ts';
import { bootstrap } from './keys/bootstrap.ts';
import { HELP, parseCommand } from './keys/command-line.ts';
import { keyTable, type Shown } from './keys/table.ts';

/** `npm run keys`: accounts and keys from a terminal, through the Admin API of a local or deployed system. */
async function main(args: readonly string[]): Promise<void> {
  const { command, id, options } = parseCommand(args);
  if (command === 'help') return console.log(HELP);
  if (command === 'bootstrap')
    return print(await bootstrap(options.env ?? '', options.user ?? 'operator'), options.json);

  const api = new AdminApi(options.url, process.env.ADMIN_KEY);
  const fields = {
    name: options.name,
    permissions: options.permissions?.split(','),
    tier: options.tier,
    rate_limit: options['rate-limit'] === undefined ? undefined : limit('rate-limit', options['rate-limit']),
    resume: options.resume === undefined ? undefined : flag('resume', options.resume),
    privacy: options.privacy === undefined ? undefined : flag('privacy', options.privacy),
    expires_at: options.expires === undefined ? undefined : instant(options.expires),
  };
  switch (command) {
    case 'create': {
      const user = options.user ?? '';
      if (!(await api.find(`/admin/users/${encodeURIComponent(user)}`)))
        await api.send('POST', '/admin/users', { id: user });
      return print(
        await api.send<Shown>('POST', `/admin/users/${encodeURIComponent(user)}/keys`, fields),
        options.json,
      );
    }
    case 'list': {
      const query = options.user === undefined ? '' : `user_id=${encodeURIComponent(options.user)}`;
      const keys = await api.all<Shown>(`/admin/keys?${query}`);
      return console.log(options.json ? JSON.stringify(keys) : keyTable(keys));
    }
    case 'set':
      return print(await api.send<Shown>('PATCH', `/admin/keys/${id}`, fields), options.json);
    case 'rotate': {
      const overlap = options.overlap === undefined ? {} : { overlap_seconds: limit('overlap', options.overlap) };
      return print(await api.send<Shown>('POST', `/admin/keys/${id}/rotate`, overlap), options.json);
    }
    case 'revoke': {
      const revoked = await api.send('DELETE', `/admin/keys/${id}`);
      return console.log(options.json ? JSON.stringify(revoked) : `revoked ${id}: refused everywhere within 60 s`);
    }
    case 'limits': {
      const user = await api.send('PATCH', `/admin/users/${encodeURIComponent(options.user ?? '')}`, {
        tier: options.tier,
        limits: {
          requests_per_minute: limit('requests-per-minute', options['requests-per-minute']),
          tokens_per_minute: limit('tokens-per-minute', options['tokens-per-minute']),
          concurrent_requests: limit('concurrent-requests', options['concurrent-requests']),
          requests_per_month: limit('requests-per-month', options['requests-per-month']),
          tokens_per_month: limit('tokens-per-month', options['tokens-per-month']),
          budget_day_nano_usd: budget('budget-day', options['budget-day']),
          budget_month_nano_usd: budget('budget-month', options['budget-month']),
        },
      });
      return console.log(JSON.stringify(user, null, options.json ? 0 : 2));
    }
  }
}

/** A whole number; `none` for null; undefined where the option is not given, which leaves the limit as it is. */
function limit(name: string, text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return null;
  if (!/^\d+$/.test(text)) throw new UsageError(`--${name} must be a whole number or 'none', not '${text}'`);
  return Number(text);
}

function flag(name: string, text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new UsageError(`--${name} must be 'true' or 'false', not '${text}'`);
  return text === 'true';
}

function budget(name: string, text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return null;
  const nano = usdToNano(text);
  if (nano === null)
    throw new UsageError(`--${name} must be an amount of dollars such as 12.50, or 'none', not '${text}'`);
  return nano;
}

/** An ISO date or instant, or `none`, as Unix seconds. */
function instant(text: string): number | null {
  if (text === 'none') return null;
  const time = Date.parse(text);
  if (Number.isNaN(time))
    throw new UsageError(`--expires must be an ISO date such as 2027-01-31, or 'none', not '${text}'`);
  return Math.floor(time / 1000);
}

/** One key; a new one with what is shown only now. */
function print(key: Shown, json: boolean): void {
  console.log(json ? JSON.stringify(key) : keyTable([key]));
  if (key.key && !json) console.log(`\n${styleText('bold', key.key)}\n\nKeep it safe: it is not shown again.`);
}

await run('npm run keys', main);
