import type { Tier } from '../types-admin.ts';

/** The tiers, to choose from. */
export function TierOptions({ of, chosen }: { of: readonly Tier[]; chosen: string | null }) {
  return (
    <>
      {of.map(({ id }) => (
        <option key={id} value={id} selected={id === chosen}>
          {id}
        </option>
      ))}
    </>
  );
}
