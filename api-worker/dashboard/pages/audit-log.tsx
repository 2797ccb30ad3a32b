import { secondsTime } from '../format.ts';
import { More } from '../parts/more.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import type { ApiKey, AuditEntry } from '../types-admin.ts';
import type { Pages } from '../use-pages.ts';

interface Props {
  account: string;
  keys: readonly ApiKey[];
  /** The account, or one of its keys. */
  target: string;
  onTarget: (target: string) => void;
  log: Pages<AuditEntry>;
}

/** Who changed an account or one of its keys. */
export function AuditLog({ account, keys, target, onTarget, log }: Props) {
  return (
    <section class="card" aria-labelledby="audit-log">
      <div class="head">
        <h2 id="audit-log">Changes</h2>
        <label class="scope">
          Made to
          <select value={target} onChange={({ currentTarget }) => onTarget(currentTarget.value)}>
            <option value={account}>the account</option>
            {keys.map(({ id, name, prefix }) => (
              <option key={id} value={id}>
                {name}, {prefix}…
              </option>
            ))}
          </select>
        </label>
      </div>
      <Problem error={log.error} onRetry={log.reload} />
      {log.rows === null ? (
        !log.error && <Waiting what="changes" />
      ) : (
        <div aria-busy={log.loading}>
          <Table
            caption="Changes, the newest first"
            rows={log.rows}
            keyOf={({ id }) => id}
            empty="Nobody has changed anything."
            columns={[
              { head: 'Time', cell: ({ created_at }) => secondsTime(created_at) },
              { head: 'By', name: true, cell: ({ actor_user_id }) => actor_user_id },
              { head: 'Under', cell: ({ actor_key_id }) => <code>{actor_key_id}</code> },
              { head: 'From', cell: ({ address }) => address ?? '–' },
              { head: 'What', cell: ({ action }) => action.replace('.', ' ') },
              { head: 'Set', wide: true, cell: ({ changes }) => <code>{JSON.stringify(changes)}</code> },
            ]}
          />
        </div>
      )}
      <More of={log}>Older ones</More>
    </section>
  );
}
