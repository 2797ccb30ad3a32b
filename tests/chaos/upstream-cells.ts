import { FAULTS } from '../../load/upstream/faults.ts';

/** What a fault is to a client that asks in a certain way. */
type Form =
  /** Nothing of an answer has come: another model can give it. */
  | 'before the first event'
  /** An answer breaks off. */
  | 'mid-stream'
  /** Our key or credit: no model helps. */
  | 'ours'
  /** The answer comes all the same. */
  | 'harmless';

/** One way of asking under one fault. */
export interface Cell {
  fault: string;
  form: Form;
  streamed: boolean;
  /** Whether a second model is alive. */
  fallback: boolean;
  /** Whether the client asks for broken streams to be continued. */
  resume: boolean;
}

const OURS = ['status-401', 'status-402'];
const HARMLESS = ['slow-start', 'no-usage', 'no-done', 'fail-2-then-work'];
const MID_STREAM = [
  'die-mid-stream',
  'silence-mid-stream',
  'error-mid-stream',
  'error-mid-stream-empty-choices',
  'error-mid-stream-bare',
  'error-mid-stream-usage',
  'truncated-json',
];

/** Every fault form, streamed and not, with a fallback alive and without; broken streams also with resuming asked for. */
export const CELLS: readonly Cell[] = Object.keys(FAULTS)
  .map((fault) => (fault === 'fail-N-then-work' ? 'fail-2-then-work' : fault))
  .flatMap((fault) =>
    [true, false].flatMap((streamed) => {
      const form = formOf(fault, streamed);
      return [true, false].flatMap((fallback) =>
        (form === 'mid-stream' ? [false, true] : [false]).map((resume) => ({
          fault,
          form,
          streamed,
          fallback,
          resume,
        })),
      );
    }),
  );

function formOf(fault: string, streamed: boolean): Form {
  if (OURS.includes(fault)) return 'ours';
  if (HARMLESS.includes(fault)) return 'harmless';
  // A whole answer is held until it is whole: whatever breaks it comes before its first byte.
  return streamed && MID_STREAM.includes(fault) ? 'mid-stream' : 'before the first event';
}
