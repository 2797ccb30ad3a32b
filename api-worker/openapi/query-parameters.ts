import type { Operation } from './operation.ts';
import { type JsonSchema, parameterSchemas } from './schemas.ts';

type Query = NonNullable<Operation['query']>;

/** What query parameters mean, by their names: where an operation says nothing else. */
const MEANINGS: Record<string, string> = {
  start:
    'From when, included: an ISO date (midnight UTC) or instant, widened to the whole hour. 30 days ago if left out.',
  end: 'Until when, excluded. Now if left out.',
  user_id: 'Of this account, or `*` for all; any but the own for admins only.',
  after: 'The `last_id` of the page before.',
  target: 'The id of what was changed.',
  start_time: 'From when, included: Unix seconds.',
  end_time: 'Until when, excluded: Unix seconds. Now if left out.',
  page: 'The `next_page` of the page before.',
  bucket_width: 'How long a bucket is.',
  api_key_ids: 'Only of these keys: several times, as `api_key_ids[]`, or separated by commas.',
  user_ids: 'Only of these accounts.',
  project_ids: 'There are no projects: to ask for one finds nothing.',
  models: 'Only of these models.',
  batch: 'There are no batches: to ask for them finds nothing.',
  queue: "A part of the queue's name.",
  reason: 'A part of the reason, in small or capital letters.',
  request_id: 'Of this request.',
  from: 'From when, included: an ISO date (midnight UTC) or instant.',
  to: 'Until when, excluded.',
  state: 'Only in this state.',
  format: 'Before what `Accept` says.',
};

/** What a parameter means that names groups. */
export function anyOf(groups: readonly string[]): string {
  return `Any of ${groups.map((group) => `\`${group}\``).join(', ')}, separated by commas.`;
}

/** A query's parameters, from the schema that validates it. */
export function queryParameters({ schema: query, meanings = {} }: Query): JsonSchema[] {
  return parameterSchemas(query).map(({ name, required, schema }) => {
    const description = meanings[name] ?? MEANINGS[name];
    return { name, in: 'query', required, ...(description && { description }), schema };
  });
}
