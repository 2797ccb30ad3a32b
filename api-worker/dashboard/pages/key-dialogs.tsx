import { useState } from 'preact/hooks';
import { keyChange } from '../changes.ts';
import { textOf } from '../form.ts';
import { secondsTime } from '../format.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Problem } from '../parts/notice.tsx';
import { Submit } from '../parts/submit.tsx';
import { useSession } from '../session.ts';
import type { ApiKey, NewKey, Tier } from '../types-admin.ts';
import { useAction } from '../use-action.ts';
import { grantOf, KeyFields } from './key-fields.tsx';

const HOUR_SECONDS = 3_600;
/** As the API's: a day if nothing else is said, thirty at most. */
const OVERLAP_HOURS = 24;
const OVERLAP_MAX_HOURS = 720;

interface Props {
  of: ApiKey;
  onClose: () => void;
  /** Is told what was done, and the key that came of it. */
  onDone: (text: string, made?: NewKey) => void;
}

/** Asks what else a key may do. */
export function ChangeKey({ of: key, tiers, onClose, onDone }: Props & { tiers: readonly Tier[] }) {
  const { api } = useSession();
  const action = useAction();
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement);
    action.run(async () => {
      const change = keyChange(key, grantOf(given, key));
      if (Object.keys(change).length === 0) {
        onDone('Nothing is different: nothing was changed.');
        return null;
      }
      const { name } = await api.send<ApiKey>('PATCH', pathOf(key), change);
      onDone(`The key “${name}” was changed. In force everywhere within a minute.`);
      return null;
    });
  };
  return (
    <Dialog title={`Change “${key.name}”`} onClose={onClose}>
      <form class="fields" onSubmit={save} aria-busy={action.busy}>
        <KeyFields of={key} tiers={tiers} />
        <div class="buttons wide">
          <Submit>Save</Submit>
          <Cancel onClick={onClose} />
        </div>
      </form>
      <Problem error={action.error} />
    </Dialog>
  );
}

/** Asks for how long the old key is to work beside the new one. */
export function RotateKey({ of: key, onClose, onDone }: Props) {
  const { api } = useSession();
  const action = useAction();
  const rotate = (event: SubmitEvent) => {
    event.preventDefault();
    const hours = Number(textOf(new FormData(event.currentTarget as HTMLFormElement), 'hours'));
    action.run(async () => {
      const asked = { overlap_seconds: Math.round(hours * HOUR_SECONDS) };
      const made = await api.send<NewKey>('POST', `${pathOf(key)}/rotate`, asked);
      onDone(
        `The key “${key.name}” was rotated. The old one works until ${secondsTime(made.rotated?.expires_at ?? null)}.`,
        made,
      );
      return null;
    });
  };
  return (
    <Dialog title={`Rotate “${key.name}”`} onClose={onClose}>
      <p>
        A new key is made that may do what this one may. This one works on for a while, so that nothing stands still.
      </p>
      <form class="fields" onSubmit={rotate} aria-busy={action.busy}>
        <label class="wide">
          Hours that the old key works on
          <input
            type="number"
            name="hours"
            required
            min={0}
            max={OVERLAP_MAX_HOURS}
            step="any"
            defaultValue={String(OVERLAP_HOURS)}
          />
        </label>
        <div class="buttons wide">
          <Submit>Rotate</Submit>
          <Cancel onClick={onClose} />
        </div>
      </form>
      <Problem error={action.error} />
    </Dialog>
  );
}

/** Asks whether a key is to be revoked. */
export function RevokeKey({ of: key, onClose, onDone }: Props) {
  const { api } = useSession();
  const action = useAction();
  const revoke = () =>
    action.run(async () => {
      await api.send('DELETE', pathOf(key));
      onDone(`The key “${key.name}” was revoked: it is refused everywhere within a minute.`);
      return null;
    });
  return (
    <Dialog title={`Revoke “${key.name}”?`} onClose={onClose}>
      <p>
        Whoever uses <code>{key.prefix}…</code> is refused within a minute. A key that was revoked stays so.
      </p>
      <div class="buttons">
        <Cancel onClick={onClose} />
        <button type="button" class="danger" onClick={revoke}>
          Revoke
        </button>
      </div>
      <Problem error={action.error} />
    </Dialog>
  );
}

const COPIED = 'It was copied.';
const WARNING = 'It was not copied yet. Escape once more, and it is gone.';

/** The only time that a key is seen: Escape alone, pressed by chance, does not take it away. */
export function ShownOnce({ of: { name, key }, onClose }: { of: NewKey; onClose: () => void }) {
  const [said, setSaid] = useState('');
  const copy = async () => {
    // Not where the page came without TLS, from elsewhere than this machine.
    if (!navigator.clipboard) throw new Error('There is no clipboard here.');
    await navigator.clipboard.writeText(key);
  };
  const leave = () => {
    if (said === COPIED || said === WARNING) onClose();
    else setSaid(WARNING);
  };
  return (
    <Dialog title={`The key “${name}”`} onClose={leave}>
      <p>
        <strong>It is shown only now.</strong> Whoever has it can use it: keep it where secrets are kept.
      </p>
      <code class="secret">{key}</code>
      <div class="buttons">
        <button
          type="button"
          onClick={() =>
            copy().then(
              () => setSaid(COPIED),
              () => setSaid('It could not be copied: select it, and copy it by hand.'),
            )
          }
        >
          Copy
        </button>
        <button type="button" onClick={onClose}>
          I have it
        </button>
      </div>
      <output>{said}</output>
    </Dialog>
  );
}

function Cancel({ onClick }: { onClick: () => void }) {
  return (
    <button type="button" onClick={onClick}>
      Cancel
    </button>
  );
}

function pathOf({ id }: ApiKey): string {
  return `/admin/keys/${encodeURIComponent(id)}`;
}
