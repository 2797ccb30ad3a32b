import * as z from 'zod';
import { INTEGER } from '../http/validate.ts';

/** What the schemas of several endpoints have in common. */

export const text = z.string();

/** Checks what it names and lets everything else pass. */
export const loose = z.looseObject;

/** A type that is none of those that we know; told of last, since what is wrong with a known one helps more. */
export const other = (known: readonly string[]) =>
  text.refine((type) => !known.includes(type), { abort: true }).meta({ not: { enum: [...known] } });

export const between = (low: number, high: number) => z.number().min(low).max(high).nullish();

export const integer = (low: number, high = Number.MAX_SAFE_INTEGER) =>
  z.int().min(low, INTEGER).max(high, INTEGER).nullish();

/** Each may be tried several times; a request should end. */
const MODELS_MAX = 10;

const modelName = text.min(1).max(256);

/** Who is to answer: a model, an alias or a tier, and OpenRouter's list of what to try after it. */
export const whoAnswers = {
  model: modelName.nullish(),
  models: z.array(modelName).max(MODELS_MAX).nullish(),
};

/** What ties requests together, and what labels them: OpenRouter's `session_id`, OpenAI's `metadata`. */
export const labels = {
  session_id: text.max(256).nullish(),
  metadata: z.record(text, z.unknown()).nullish(),
};

export const streamOptions = loose({ include_usage: z.boolean().nullish() }).nullish();
