import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { listRecordings } from '../../load/upstream/recordings.ts';

/** Recorded exchanges; not part of the project, so that tests of them skip where they are absent. */
export const RECORDINGS_DIR =
  process.env.RECORDINGS_DIR ?? fileURLToPath(new URL('../../../shared/recordings', import.meta.url));

export const RECORDINGS = existsSync(RECORDINGS_DIR) ? listRecordings(RECORDINGS_DIR) : [];

/** What a skipped suite says of itself. */
export const WITH_RECORDINGS =
  RECORDINGS.length > 0
    ? `${RECORDINGS.length} recordings`
    : `skipped, no recordings in ${RECORDINGS_DIR} (set RECORDINGS_DIR)`;
