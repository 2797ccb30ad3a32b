import { useId } from 'preact/hooks';

interface Props {
  label: string;
  /** What is gone of the limit, in the limit's unit; of that, what is only reserved or held. */
  used: number;
  pending?: number;
  /** Null: there is none. */
  limit: number | null;
  /** What to say of it, as `$3.20 of $5.00 left`. */
  text: string;
  note?: string;
}

/** How much of a limit is gone. */
export function Meter({ label, used, pending = 0, limit, text, note }: Props) {
  const id = useId();
  const part = (amount: number) =>
    limit === null || limit === 0 ? (limit === 0 ? 1 : 0) : Math.min(1, amount / limit);
  const level = part(used) >= 1 ? 'spent' : part(used) >= 0.8 ? 'near' : 'fine';
  return (
    <div class="meter">
      <div class="meter-head">
        <span id={id}>{label}</span>
        <span>{text}</span>
      </div>
      {limit !== null && (
        <>
          <meter class="unseen" aria-labelledby={id} min={0} max={100} value={part(used) * 100}>
            {text}
          </meter>
          <svg class={level} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect class="track" width="100" height="4" />
            <rect class="pending" width={part(used) * 100} height="4" />
            <rect class="used" width={part(used - pending) * 100} height="4" />
          </svg>
        </>
      )}
      {note && <p class="note">{note}</p>}
    </div>
  );
}
