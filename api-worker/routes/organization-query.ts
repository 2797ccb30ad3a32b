import * as z from 'zod';
import { INTEGER } from '../http/validate.ts';

const WIDTHS = { '1h': 3600, '1d': 86_400 } as const;
type Width = keyof typeof WIDTHS;
/** Buckets a page: as OpenAI's, [default, most]. */
const COMPLETIONS_PAGE: Record<Width, readonly [number, number]> = { '1h': [24, 168], '1d': [7, 31] };
const COSTS_PAGE = [7, 180] as const;

const number = z
  .string()
  .regex(/^\d{1,12}$/)
  .transform(Number);
/** One value, several, or several in one, separated by commas. */
const list = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => [given].flat().flatMap((value) => value.split(',')))
  .pipe(z.array(z.string().max(256)).max(100));
const groups = <const T extends readonly string[]>(names: T) => list.pipe(z.array(z.enum(names))).optional();

const common = {
  /** Unix seconds, included. */
  start_time: number,
  /** Unix seconds, excluded. */
  end_time: number.optional(),
  api_key_ids: list.optional(),
  project_ids: list.optional(),
  limit: number.pipe(z.int().min(1, INTEGER)).optional(),
  /** `next_page` of the page before: where this one starts, Unix seconds. */
  page: number.optional(),
};

export const COMPLETIONS_GROUPS = ['project_id', 'user_id', 'api_key_id', 'model', 'batch', 'service_tier'] as const;
export const COSTS_GROUPS = ['project_id', 'line_item', 'api_key_id'] as const;

/** The query of GET /v1/organization/usage/completions. There are no projects, batches nor service tiers here: to ask for them finds none. */
export const CompletionsQuery = z
  .strictObject({
    ...common,
    bucket_width: z.enum(['1h', '1d']).default('1d'),
    user_ids: list.optional(),
    models: list.optional(),
    batch: z.enum(['true', 'false']).optional(),
    group_by: groups(COMPLETIONS_GROUPS),
  })
  .transform((query) => {
    const [usual, most] = COMPLETIONS_PAGE[query.bucket_width];
    return {
      ...bucketsOf(query, query.bucket_width, Math.min(query.limit ?? usual, most)),
      filters: filtersOf(query),
      none: query.batch === 'true' || (query.project_ids ?? []).length > 0,
      groups: query.group_by ?? [],
    };
  });

/** The query of GET /v1/organization/costs. A line item is a model. */
export const CostsQuery = z
  .strictObject({ ...common, bucket_width: z.literal('1d').default('1d'), group_by: groups(COSTS_GROUPS) })
  .transform((query) => {
    const [usual, most] = COSTS_PAGE;
    return {
      ...bucketsOf(query, '1d', Math.min(query.limit ?? usual, most)),
      filters: filtersOf(query),
      none: (query.project_ids ?? []).length > 0,
      groups: query.group_by ?? [],
    };
  });

/** The time buckets of one page, Unix seconds. */
export interface Buckets {
  width: Width;
  starts: readonly number[];
  widthSeconds: number;
  /** Where the next page starts; null: this is the last. */
  nextPage: number | null;
}

interface Span {
  start_time: number;
  end_time?: number | undefined;
  page?: number | undefined;
}

function bucketsOf({ start_time, end_time, page }: Span, width: Width, limit: number): Buckets {
  const widthSeconds = WIDTHS[width];
  const floor = (time: number) => time - (time % widthSeconds);
  const end = end_time ?? Math.ceil(Date.now() / 1000);
  const starts: number[] = [];
  let start = floor(Math.max(start_time, page ?? 0));
  for (; start < end && starts.length < limit; start += widthSeconds) starts.push(start);
  return { width, starts, widthSeconds, nextPage: start < end ? start : null };
}

/** Which rows count: null for all. */
export interface Filters {
  userIds: string[] | null;
  keyIds: string[] | null;
  models: string[] | null;
}

function filtersOf(query: Partial<Record<'user_ids' | 'api_key_ids' | 'models', string[] | undefined>>): Filters {
  return { userIds: query.user_ids ?? null, keyIds: query.api_key_ids ?? null, models: query.models ?? null };
}
