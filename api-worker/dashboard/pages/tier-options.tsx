import type { Tier } from '../types-admin.ts';

/** The tiers, to choose from; `chosen` also when the form is reset. */
export function TierOptions({ of, chosen }: { of: readonly Tier[]; chosen: string | null }) {
  return (
    <>
      {of.map(({ id }) => (
        // A property that Preact's types do not know.
        <option key={id} value={id} {...{ defaultSelected: id === chosen }}>
          {id}
        </option>
      ))}
    </>
  );
}
