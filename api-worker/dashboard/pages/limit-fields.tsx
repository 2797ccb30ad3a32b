import { DOLLARS, typedDollars } from '../dollars.ts';
import { dollarsOf, wholeOf } from '../form.ts';
import { count, usd } from '../format.ts';
import type { Granted, LimitName } from '../types-admin.ts';

const LIMITS: readonly (readonly [name: LimitName, label: string, unit?: 'dollars'])[] = [
  ['budget_day_nano_usd', 'Budget of a day, $', 'dollars'],
  ['budget_month_nano_usd', 'Budget of a month, $', 'dollars'],
  ['requests_per_minute', 'Requests a minute'],
  ['tokens_per_minute', 'Tokens a minute'],
  ['concurrent_requests', 'Requests at once'],
  ['requests_per_month', 'Requests a month'],
  ['tokens_per_month', 'Tokens a month'],
];

/**
 * A field for each limit. Empty: as the tier, whose limit it then shows.
 *
 * @param own as the account has them.
 * @param tier as its tier has them; null: that is not known.
 */
export function LimitFields({ own, tier }: { own: Granted; tier: Granted | null }) {
  return (
    <>
      {LIMITS.map(([name, label, unit]) =>
        unit === 'dollars' ? (
          <DollarsField key={name} name={name} label={label} own={own[name]} tier={tier?.[name]} />
        ) : (
          <label key={name}>
            {label}
            <input
              type="number"
              name={name}
              min={0}
              step={1}
              placeholder={asTier(tier?.[name], count, name === 'requests_per_minute' ? 'the default' : 'none')}
              defaultValue={own[name] === null ? '' : String(own[name])}
            />
          </label>
        ),
      )}
    </>
  );
}

interface Dollars {
  name: LimitName;
  label: string;
  own?: number | null;
  /** Undefined: not known. */
  tier?: number | null | undefined;
}

/** A field for an amount of dollars. */
export function DollarsField({ name, label, own = null, tier }: Dollars) {
  return (
    <label>
      {label}
      <input
        name={name}
        inputMode="decimal"
        autoComplete="off"
        pattern={DOLLARS}
        title="Dollars, such as 12.50"
        placeholder={asTier(tier, usd)}
        defaultValue={own === null ? '' : typedDollars(own)}
      />
    </label>
  );
}

/** @param none what it means that the tier says nothing. */
function asTier(limit: number | null | undefined, format: (value: number) => string, none = 'none'): string {
  if (limit === undefined) return 'as the tier';
  return `as the tier: ${limit === null ? none : format(limit)}`;
}

/**
 * The limits that a form asks for.
 *
 * @throws Error for what is no amount.
 */
export function limitsOf(form: FormData): Granted {
  return Object.fromEntries(
    LIMITS.map(([name, , unit]) => [name, unit === 'dollars' ? dollarsOf(form, name) : wholeOf(form, name)]),
  ) as Granted;
}
