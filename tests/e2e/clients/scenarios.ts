import * as z from 'zod';

/** What every client is asked to do. The simulated models answer as a pure function of the request. */
export const MODEL = 'openai/gpt-4o-mini';
/** What the upstream calls it in its answers. */
export const MODEL_THAT_ANSWERS = 'openai/gpt-4o-mini-2024-07-18';
/** Calls the first tool that it is given, and then tells what that said. */
export const TOOL_MODEL = 'sim/tools';
/** Breaks off its stream without a word, so that it is the gateway that tells. */
export const BREAKING_MODEL = 'sim/die-mid-stream';
/** Slow enough for what was said to arrive first: else another model would answer. */
export const SLOWLY = { gap_ms: 5 };
/** What it tells. */
export const BROKEN = { code: 'upstream_error', message: 'The model broke off its answer. Please try again.' };
export const EMBEDDING_MODEL = 'openai/text-embedding-3-small';

export const QUESTION = 'Hello';
export const HELLO = [{ role: 'user' as const, content: QUESTION }];
/** As many as the simulator says unless it is told otherwise. */
export const WORDS = 20;

/** A tool that the client runs. */
export const WEATHER = {
  name: 'weather',
  description: 'The weather in a city.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
};
export const Weather = z.object({ city: z.string() });
export const WEATHER_TOOL = { type: 'function' as const, function: WEATHER };
export const WEATHER_ARGUMENTS = { city: 'Zürich' };
export const weatherIn = ({ city }: { city: string }) => `21 °C in ${city} 🌤`;
/** How an answer begins that was given the tool's result. */
export const TOLD_WEATHER = /^The tool said 21 °C in Zürich 🌤\. \S/;

/** A tool that the gateway runs, what it is asked by the model, and how the answer begins that was given its result. */
export const CALCULATOR = { type: 'gateway:calculator' };
export const SUM = { tool_arguments: { expression: '6 * 7' } };
export const TOLD_SUM = /^The tool said \{"expression":"6 \* 7","result":42\}\. \S/;

/** What structured output is asked for; the simulator says yes. */
export const Verdict = z.strictObject({ answer: z.enum(['yes', 'no']) });
export const VERDICT_FORMAT = {
  type: 'json_schema' as const,
  json_schema: {
    name: 'verdict',
    strict: true,
    schema: {
      type: 'object',
      properties: { answer: { type: 'string', enum: ['yes', 'no'] } },
      required: ['answer'],
      additionalProperties: false,
    },
  },
};
export const YES = { answer: 'yes' };

/** Makes the answer's words depend on this alone: for clients that send other fields when they stream. */
export const SAME_TEXT = { text_seed: 7 };

/** A UUIDv7: every request has one. */
export const REQUEST_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What a call raises; null for nothing. */
export async function raised(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
    return null;
  } catch (error) {
    return error;
  }
}
