import { localTime, secondsOf, textOf, wholeOf } from '../form.ts';
import type { ApiKey, KeyGrant, Tier } from '../types-admin.ts';
import { TierOptions } from './tier-options.tsx';

const PERMISSIONS = [
  ['read', 'read: models, its account’s usage'],
  ['write', 'write: requests to models'],
  ['admin', 'admin: all accounts, everything here'],
] as const;

const NEW: Pick<KeyGrant, 'permissions' | 'resume' | 'privacy'> = {
  permissions: ['read', 'write'],
  resume: false,
  privacy: false,
};

/** The fields of what a key may do: those of one that is to be changed, or of a new one. */
export function KeyFields({ of, tiers }: { of?: ApiKey; tiers: readonly Tier[] }) {
  const { permissions, resume, privacy } = of ?? NEW;
  return (
    <>
      <label>
        Name
        <input name="name" required maxLength={256} defaultValue={of?.name ?? ''} />
      </label>
      <label>
        Expires
        <input type="datetime-local" name="expires_at" defaultValue={localTime(of?.expires_at ?? null)} />
      </label>
      <label>
        Requests a minute, its own
        <input
          type="number"
          name="rate_limit"
          min={0}
          step={1}
          placeholder="shares the account’s"
          defaultValue={of?.rate_limit == null ? '' : String(of.rate_limit)}
        />
      </label>
      <label>
        Tier
        <select name="tier">
          <option value="">as the account</option>
          <TierOptions of={tiers} chosen={of?.tier ?? null} />
        </select>
      </label>
      <fieldset class="wide">
        <legend>Permissions</legend>
        {PERMISSIONS.map(([permission, says]) => (
          <label key={permission} class="check">
            <input
              type="checkbox"
              name="permissions"
              value={permission}
              defaultChecked={permissions.includes(permission)}
            />
            {says}
          </label>
        ))}
      </fieldset>
      <fieldset class="wide">
        <legend>Its requests</legend>
        <label class="check">
          <input type="checkbox" name="resume" defaultChecked={resume} />
          resume: streams that break are continued by another model
        </label>
        <label class="check">
          <input type="checkbox" name="privacy" defaultChecked={privacy} />
          privacy: no content goes to analytics
        </label>
      </fieldset>
    </>
  );
}

/**
 * What a form asks for.
 *
 * @param of the key that is to be changed: the field of its end has no seconds, which are not to be lost.
 * @throws Error for a key that may do nothing.
 */
export function grantOf(form: FormData, of?: ApiKey): KeyGrant {
  const end = of?.expires_at ?? null;
  const permissions = form.getAll('permissions') as KeyGrant['permissions'];
  if (permissions.length === 0) throw new Error('A key needs a permission: choose one or more.');
  return {
    name: textOf(form, 'name'),
    permissions,
    rate_limit: wholeOf(form, 'rate_limit'),
    tier: textOf(form, 'tier') || null,
    resume: form.has('resume'),
    privacy: form.has('privacy'),
    expires_at: textOf(form, 'expires_at') === localTime(end) ? end : secondsOf(form, 'expires_at'),
  };
}
