import { openDatabase } from './database.ts';
import { auditLedger, type Findings, ledgerMissing, type Told } from './ledger-audit.ts';
import { type RunRecord, seenIn, summaryOf } from './results.ts';

const SHOWN = 10;
/** What a run's last request has caused has come so long after it; the system's clock may differ by as much. */
const AFTERWARDS_MS = 5_000;

/** What came of an audit; as its last line has it. */
export interface Audited {
  successes: number;
  ledger_missing: number;
  /** null: cannot be told, because requests were cut off. */
  ledger_doubled: number | null;
  rollup_mismatches: number;
  clean: boolean;
}

/**
 * Compares a run with its system's ledger, and says what is wrong.
 *
 * @param signal ends the waiting for the queues: what is there then is compared.
 * @throws Error of one line when the ledger cannot be read, or there was no success.
 */
export async function auditRun(record: RunRecord, signal?: AbortSignal): Promise<Audited> {
  const told = toldBy(record);
  const database = openDatabase(record.where);
  try {
    const findings = await auditLedger(database, told, { signal });
    if (signal?.aborted) console.error('The queues were not waited for: what they still hold counts as missing.');
    tellAll(told, findings);
    const { successes, unlogged, doubled, rollupMismatches } = findings;
    const missing = ledgerMissing(findings);
    return {
      successes,
      ledger_missing: missing,
      ledger_doubled: doubled,
      rollup_mismatches: rollupMismatches,
      clean: unlogged !== null && missing + (doubled ?? 0) + rollupMismatches === 0,
    };
  } finally {
    database.close();
  }
}

/** From k6's start to some seconds after its end; as ids are of the system's clock, all of them are within that. */
function toldBy({ load, startedAt, endedAt }: RunRecord): Told {
  const { successes } = seenIn(load);
  const { succeeded, cutOff } = summaryOf(load);
  const times = [successes[0], successes.at(-1)].flatMap((id) => (id === undefined ? [] : timeOf(id)));
  return {
    successes,
    counted: succeeded,
    cutOff,
    from: Math.min(startedAt, ...times),
    to: Math.max(endedAt ?? startedAt, ...times) + AFTERWARDS_MS,
  };
}

/** Unix ms of a UUIDv7. */
function timeOf(id: string): number {
  return Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
}

function tellAll(
  { counted, cutOff }: Told,
  { successes, unlogged, missing, surplus, doubled, rollupMismatches }: Findings,
) {
  if (unlogged === null) console.error('k6 did not sum up: whether all its successes were written down is not known.');
  else if (unlogged > 0) console.error(`k6 counted ${counted} successes, and wrote down the ids of ${successes}.`);
  if (cutOff) console.error(`requests that were cut off, so that k6 did not see how they were answered: ${cutOff}`);
  tell('not in the ledger', missing);
  tell('in the ledger, and not answered so', surplus);
  if (doubled === null)
    console.error('These may be requests that were cut off or not written down: doubled is not judged.');
  if (rollupMismatches > 0) console.error(`rows of rollups that are not the ledger's sums: ${rollupMismatches}`);
}

function tell(what: string, ids: readonly string[]): void {
  if (ids.length === 0) return;
  const more = ids.length > SHOWN ? `, and ${ids.length - SHOWN} more` : '';
  console.error(`${what}: ${ids.slice(0, SHOWN).join(', ')}${more}`);
}
