/** A transcript past this is left with its end: usage and how it ended stand in the last bytes. */
export const TRANSCRIPT_BYTES = 4 * 1024 * 1024;
/** Past this all transcripts in the making of an isolate are left with their ends. As text they take up to twice as much. */
export const ISOLATE_BYTES = 8 * 1024 * 1024;
