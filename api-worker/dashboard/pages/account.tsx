import { useState } from 'preact/hooks';
import { secondsTime } from '../format.ts';
import { Head } from '../parts/head.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { hashOf } from '../route.ts';
import { useSession } from '../session.ts';
import type { List } from '../types.ts';
import type { Account, ApiKey, AuditEntry, Tier } from '../types-admin.ts';
import { useLoad } from '../use-load.ts';
import { usePages } from '../use-pages.ts';
import { AccountForm } from './account-form.tsx';
import { AccountState } from './accounts.tsx';
import { AuditLog } from './audit-log.tsx';
import { Keys } from './keys.tsx';

/** One account: what it is granted, its keys, and who changed them. */
export function AccountPage({ id }: { id: string }) {
  const { api, me } = useSession();
  const [target, setTarget] = useState(id);
  const shown = useLoad(
    async (signal) => {
      const [account, tiers] = await Promise.all([
        api.get<Account>(`/admin/users/${encodeURIComponent(id)}`, {}, signal),
        api.get<List<Tier>>('/admin/tiers', {}, signal),
      ]);
      return { account, tiers: tiers.data };
    },
    [id],
  );
  const keys = usePages<ApiKey>('/admin/keys', { user_id: id, limit: 100 });
  const log = usePages<AuditEntry>('/admin/audit-log', { target });
  return (
    <>
      <Head title={id}>
        {me.permissions.includes('read') && (
          <>
            <a href={hashOf('', null, { account: id })}>Usage</a>
            <a href={hashOf('requests', null, { account: id })}>Requests</a>
          </>
        )}
        <a href={hashOf('accounts')}>All accounts</a>
      </Head>
      <Problem error={shown.error} onRetry={shown.reload} />
      {!shown.data && !shown.error && <Waiting what="the account" />}
      {shown.data && (
        <div class="stack">
          <p class="note">
            <AccountState of={shown.data.account} />, created {secondsTime(shown.data.account.created_at)}
          </p>
          <AccountForm
            account={shown.data.account}
            tiers={shown.data.tiers}
            onChanged={() => {
              shown.reload();
              log.reload();
            }}
          />
          <Keys
            account={shown.data.account}
            tiers={shown.data.tiers}
            keys={keys}
            onChanged={() => {
              keys.reload();
              log.reload();
            }}
          />
          <AuditLog account={id} keys={keys.rows ?? []} target={target} onTarget={setTarget} log={log} />
        </div>
      )}
    </>
  );
}
