import * as z from 'zod';

/** What a price can be of: a token of its kind, an image, the request itself. */
export const PRICE_CLASSES = [
  'prompt',
  'completion',
  'input_cache_read',
  'input_cache_write',
  'internal_reasoning',
  'image',
  'request',
] as const;

/** Decimal strings of dollars; null: none is listed. */
export type Prices = Record<(typeof PRICE_CLASSES)[number], string | null>;

/** Prices of what no request of ours is charged by; known, so that an entry that has them can apply. */
const OTHER_CLASSES = [
  'audio',
  'audio_output',
  'image_output',
  'image_token',
  'input_audio_cache',
  'input_cache_write_1h',
  'web_search',
] as const;

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MINUTE_MS = 60_000;
const MINUTES_OF_A_DAY = 24 * 60;

/** A clock's time as a number: 1030 is 10:30. */
const clock = z
  .int()
  .min(0)
  .max(2400)
  .transform((hhmm) => Math.floor(hhmm / 100) * 60 + (hhmm % 100));
const price = z.string().optional();

/**
 * An entry of OpenRouter's `pricing.overrides` (PricingOverride in its API's description). Strict: what
 * has a condition that is not known here does not apply.
 */
const Override = z.strictObject({
  ...(Object.fromEntries([...PRICE_CLASSES, ...OTHER_CLASSES].map((name) => [name, price])) as Record<
    (typeof PRICE_CLASSES)[number],
    typeof price
  >),
  /** Applies to longer prompts than this. */
  min_prompt_tokens: z.number().optional(),
  /** From when in the day, included, until when, excluded; over midnight where it ends before it starts. */
  utc_start: clock.optional(),
  utc_end: clock.optional(),
  utc_days: z.array(z.string()).optional(),
});
type Override = z.infer<typeof Override>;

/**
 * The prices of a request by what is listed and its overrides: of those that apply, a later one wins for
 * each class that it names.
 *
 * @param overrides the upstream's list, as JSON; null: there are none.
 * @param inputTokens of the request; null: not known.
 * @param at Unix ms.
 * @returns null where it cannot be told which apply.
 */
export function overriddenPrices(
  listed: Prices,
  overrides: string | null,
  inputTokens: number | null,
  at: number,
): Prices | null {
  const prices = { ...listed };
  for (const override of readOverrides(overrides)) {
    if (!isWithin(override, at)) continue;
    const { min_prompt_tokens: above } = override;
    if (above !== undefined && inputTokens === null) return null;
    if (above !== undefined && (inputTokens ?? 0) <= above) continue;
    for (const name of PRICE_CLASSES) prices[name] = override[name] ?? prices[name];
  }
  return prices;
}

function readOverrides(json: string | null): Override[] {
  const list: unknown = json === null ? [] : JSON.parse(json);
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry) => Override.safeParse(entry).data ?? []);
}

function isWithin({ utc_start, utc_end, utc_days }: Override, at: number): boolean {
  if (utc_days && !utc_days.includes(DAYS[new Date(at).getUTCDay()] ?? '')) return false;
  const minute = Math.floor(at / MINUTE_MS) % MINUTES_OF_A_DAY;
  const start = utc_start ?? 0;
  const end = utc_end ?? MINUTES_OF_A_DAY;
  return start <= end ? start <= minute && minute < end : minute >= start || minute < end;
}
