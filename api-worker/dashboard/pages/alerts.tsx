import { inOrder, wordsOf } from '../alert-words.ts';
import { count, secondsTime } from '../format.ts';
import { Facts } from '../parts/facts.tsx';
import { Head } from '../parts/head.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { useSession } from '../session.ts';
import type { List } from '../types.ts';
import type { AlertState } from '../types-admin.ts';
import { useLoad } from '../use-load.ts';

/** The state of each alert that is on. */
export function Alerts() {
  const { api } = useSession();
  const { data, error, loading, reload } = useLoad(
    (signal) => api.get<List<AlertState>>('/admin/alerts', {}, signal),
    [],
  );
  const firing = data?.data.filter(({ state }) => state === 'firing').length ?? 0;
  return (
    <>
      <Head title="Alerts" onRefresh={reload} />
      <Problem error={error} onRetry={reload} />
      {!data && !error && <Waiting what="alerts" />}
      {data && (
        <div class="stack" aria-busy={loading}>
          <p>
            {data.data.length === 0
              ? 'No alert has been measured yet: the consumer worker does so every five minutes.'
              : firing === 0
                ? 'None is firing.'
                : `${count(firing)} of ${count(data.data.length)} firing.`}
          </p>
          <ul class="alerts">
            {inOrder(data.data).map((alert) => (
              <li key={alert.name} class="card">
                <Shown alert={alert} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}

function Shown({ alert }: { alert: AlertState }) {
  const { title, measures, format } = wordsOf(alert);
  const isFiring = alert.state === 'firing';
  return (
    <>
      <h2>
        {title} <span class={`badge ${isFiring ? 'bad' : 'good'}`}>{isFiring ? 'firing' : 'in order'}</span>
      </h2>
      <p class="note">{measures}</p>
      <Facts
        of={[
          ['Value', alert.value === null ? 'could not be measured' : format(alert.value)],
          ['Fires at', format(alert.threshold)],
          ['Since', secondsTime(alert.changed_at)],
          ['Told', alert.told_at === null ? 'not yet' : secondsTime(alert.told_at)],
          ['Measured', secondsTime(alert.checked_at)],
          ['Name', <code key="name">{alert.name}</code>],
        ]}
      />
    </>
  );
}
