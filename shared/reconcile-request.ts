import * as z from 'zod';

/** The message of the reconcile queue: the upstream is to be asked for this request's pending attempts. */
export const ReconcileRequest = z.strictObject({ request_id: z.uuidv7() });
export type ReconcileRequest = z.infer<typeof ReconcileRequest>;
