import { count, duration, exactUsd, perMillion, several, time, utcTime } from '../format.ts';
import { Facts } from '../parts/facts.tsx';
import { Head } from '../parts/head.tsx';
import { Problem, Waiting } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { hashOf } from '../route.ts';
import { useSession } from '../session.ts';
import type { Receipt } from '../types.ts';
import { useLoad } from '../use-load.ts';
import { Status } from './requests.tsx';

const SOURCES: Record<Receipt['usage_source'], string> = {
  provider: 'the provider, with its answer',
  reconciled: 'the provider, asked afterwards',
  estimated: 'estimated: the provider has not said',
  cache: 'given again: nothing was called',
  unknown: 'nobody has said',
};

/** What one request cost, and why. */
export function ReceiptPage({ id }: { id: string }) {
  const { api, me } = useSession();
  const { data, error, reload } = useLoad(
    (signal) => api.get<Receipt>(`/usage/requests/${encodeURIComponent(id)}`, {}, signal),
    [id],
  );
  return (
    <>
      <Head title="Receipt">
        <a href={hashOf('requests', null, { account: data && data.user_id !== me.user_id ? data.user_id : null })}>
          All requests
        </a>
      </Head>
      <Problem error={error} onRetry={reload} />
      {!data && !error && <Waiting what="the receipt" />}
      {data && <Shown receipt={data} />}
    </>
  );
}

function Shown({ receipt }: { receipt: Receipt }) {
  return (
    <div class="stack">
      <section class="card">
        <p class="sum">{exactUsd(receipt.cost_nano_usd)}</p>
        {receipt.unpriced_attempts > 0 && <p class="notice">{uncertaintyOf(receipt)}</p>}
        <Facts
          of={[
            ['Request', <code key="id">{receipt.request_id}</code>],
            ['Time', time(receipt.created_at)],
            ['Time, UTC', utcTime(receipt.created_at)],
            ['Account, key', `${receipt.user_id}, ${receipt.key_id}`],
            ['Endpoint', receipt.endpoint],
            ['Model asked for', receipt.requested_model],
            ['Model that answered', [receipt.model, receipt.provider].filter(Boolean).join(', by ') || 'none'],
            ['Status', <Status key="status" status={receipt.status} />],
            ['Ended by', receipt.finish_reason ?? '–'],
            ['Attempts', count(receipt.attempts)],
            ['First token, last byte', `${duration(receipt.ttft_ms)}, ${duration(receipt.latency_ms)}`],
            ['Usage said by', SOURCES[receipt.usage_source]],
            ['Of attempts that gave nothing', exactUsd(receipt.extra_cost_nano_usd)],
          ]}
        />
      </section>
      <section class="card">
        <h2>Tokens and prices</h2>
        <Table
          caption="Tokens by class, with the price book’s prices"
          rows={classesOf(receipt)}
          keyOf={({ name }) => name}
          columns={[
            { head: 'Class', cell: ({ name }) => name },
            { head: 'Tokens', number: true, cell: ({ tokens }) => count(tokens) },
            { head: 'Price a million', number: true, cell: ({ price }) => perMillion(price) },
          ]}
        />
        <p class="note">{aboutPrices(receipt)}</p>
      </section>
      {receipt.unpriced.length > 0 && (
        <section class="card">
          <h2>Attempts that did not tell their cost</h2>
          <Table
            caption="Attempts that did not tell their cost"
            rows={receipt.unpriced}
            keyOf={({ attempt }) => String(attempt)}
            columns={[
              { head: 'Model', cell: ({ model }) => model },
              { head: 'State', cell: ({ state }) => state.replaceAll('_', ' ') },
              { head: 'Asked', number: true, cell: ({ asked }) => count(asked) },
              { head: 'Input', number: true, cell: ({ input_tokens }) => count(input_tokens) },
              { head: 'Output', number: true, cell: ({ output_tokens }) => count(output_tokens) },
              { head: 'Cost', number: true, cell: ({ cost_nano_usd }) => exactUsd(cost_nano_usd) },
            ]}
          />
        </section>
      )}
      {receipt.corrections.length > 0 && (
        <section class="card">
          <h2>Corrections</h2>
          <Table
            caption="Corrections, as differences"
            rows={receipt.corrections}
            keyOf={({ adjustment }) => adjustment}
            columns={[
              { head: 'Why', cell: ({ adjustment }) => adjustment },
              { head: 'Written', cell: ({ recorded_at }) => time(recorded_at) },
              { head: 'Input', number: true, cell: ({ input_tokens }) => count(input_tokens) },
              { head: 'Output', number: true, cell: ({ output_tokens }) => count(output_tokens) },
              { head: 'Cost', number: true, cell: ({ cost_nano_usd }) => exactUsd(cost_nano_usd) },
            ]}
          />
        </section>
      )}
    </div>
  );
}

/** Each class of tokens once: cached and written ones are part of the input, reasoning is part of the output. */
function classesOf({ price, ...receipt }: Receipt) {
  const { input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens } = receipt;
  const input = rest(input_tokens, [cached_tokens, cache_write_tokens]);
  const output = rest(output_tokens, [reasoning_tokens]);
  return [
    { name: input.isWhole ? 'Input' : 'Input, with what is unknown below', tokens: input.tokens, price: price?.prompt },
    { name: 'Input, from a cache', tokens: cached_tokens, price: price?.input_cache_read ?? price?.prompt },
    { name: 'Input, written to a cache', tokens: cache_write_tokens, price: price?.input_cache_write ?? price?.prompt },
    {
      name: output.isWhole ? 'Output' : 'Output, with what is unknown below',
      tokens: output.tokens,
      price: price?.completion,
    },
    {
      name: 'Reasoning',
      tokens: reasoning_tokens,
      price: Number(price?.internal_reasoning ?? 0) > 0 ? price?.internal_reasoning : price?.completion,
    },
  ];
}

/** What the known parts leave of all tokens, and whether all parts are known. */
function rest(all: number | null, parts: readonly (number | null)[]) {
  return {
    tokens: all === null ? null : parts.reduce<number>((left, part) => left - (part ?? 0), all),
    isWhole: all === null || !parts.includes(null),
  };
}

/** Attempts in these states have told their cost by now: CERTAIN in shared/adjustments.ts. */
const CERTAIN: readonly string[] = ['reconciled', 'priced'];

function uncertaintyOf({ unpriced_attempts, unpriced }: Receipt): string {
  const silent = unpriced_attempts - unpriced.filter(({ state }) => !CERTAIN.includes(state)).length;
  const all = `What ${several(unpriced_attempts, 'attempt')} cost is not certain: it is estimated above, or missing.`;
  return silent > 0
    ? `${all} ${several(silent, 'attempt')} got no answer, nor anything by which the provider could be asked.`
    : all;
}

function aboutPrices({ price, model }: Receipt): string {
  if (price) {
    const source = price.source === 'operator' ? 'set by the operator' : 'from the upstream';
    return `List prices of ${price.model}, ${source}. What the provider charged is what counts.`;
  }
  if (model === null) return 'No model answered, so that no prices apply.';
  return 'The price book has no price for this model at that time: the upstream’s list is read every night. What the provider charged is what counts.';
}
