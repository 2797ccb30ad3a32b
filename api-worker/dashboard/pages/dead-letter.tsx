import { count, secondsTime } from '../format.ts';
import { Facts } from '../parts/facts.tsx';
import { Head } from '../parts/head.tsx';
import { Lines } from '../parts/lines.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { hashOf } from '../route.ts';
import { useSession } from '../session.ts';
import type { DeadLetter } from '../types-admin.ts';
import { useLoad } from '../use-load.ts';
import { LetterActions } from './letter-actions.tsx';
import { LetterBadge, notBilled } from './letters-summary.tsx';

/** One dead letter, with its message. */
export function DeadLetterPage({ id }: { id: string }) {
  const { api } = useSession();
  const { data, error, reload } = useLoad(
    (signal) => api.get<DeadLetter & { body: unknown }>(`/admin/dead-letters/${encodeURIComponent(id)}`, {}, signal),
    [id],
  );
  return (
    <>
      <Head title="Dead letter">
        <a href={hashOf('dead-letters')}>All dead letters</a>
      </Head>
      <Problem error={error} onRetry={reload} />
      {!data && !error && <Waiting what="the letter" />}
      {data && (
        <div class="stack">
          <section class="card" aria-label="What is known of it">
            <Facts
              of={[
                ['Letter', <code key="id">{data.id}</code>],
                ['State', <LetterBadge key="state" state={data.state} />],
                ['Since', secondsTime(data.state_at ?? data.stored_at)],
                ['Queue', data.queue],
                ['Sent', secondsTime(data.created_at)],
                ['Deliveries', count(data.attempts)],
                ['Request', data.request_id === null ? '–' : <code key="request">{data.request_id}</code>],
                ['Not billed', notBilled(data)],
                ['Reason', <Lines key="reason" text={data.reason} />],
              ]}
            />
            <LetterActions
              selection={{ ids: [data.id] }}
              selected={{ count: 1, unbilled_nano_usd: data.unbilled_nano_usd }}
              onChanged={reload}
            />
          </section>
          <section class="card">
            <h2>Message</h2>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard. */}
            <section class="scroll" aria-label="Message" tabIndex={0}>
              <pre>{JSON.stringify(data.body, null, 2)}</pre>
            </section>
          </section>
        </div>
      )}
    </>
  );
}
