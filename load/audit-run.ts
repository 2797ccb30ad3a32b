import { openDatabase } from './database.ts';
import { auditLedger, type Findings } from './ledger-audit.ts';
import { type RunRecord, seenIn } from './results.ts';

const SHOWN = 10;

/**
 * Compares a run with its system's ledger, and says what is wrong.
 *
 * @throws Error of one line when the ledger cannot be read.
 */
export async function auditRun({ load, where }: RunRecord): Promise<Findings & { clean: boolean }> {
  const { successes } = seenIn(load);
  const database = openDatabase(where);
  try {
    const findings = await auditLedger(database, successes);
    const { missing, doubled, rollupMismatches } = findings;
    tell('not in the ledger', missing);
    tell('in the ledger, and not answered so', doubled);
    if (rollupMismatches > 0) console.error(`rows of rollups that are not the ledger's sums: ${rollupMismatches}`);
    return { ...findings, clean: missing.length + doubled.length + rollupMismatches === 0 };
  } finally {
    database.close();
  }
}

function tell(what: string, ids: readonly string[]): void {
  if (ids.length === 0) return;
  const more = ids.length > SHOWN ? `, and ${ids.length - SHOWN} more` : '';
  console.error(`${what}: ${ids.slice(0, SHOWN).join(', ')}${more}`);
}
