import { type Tool, tool } from 'ai';
import type * as z from 'zod';
import type { Env } from '../env.ts';

/** What a tool is run with. */
interface ToolRun {
  env: Env;
  /** Aborted when the turn is over, for whatever reason. */
  signal: AbortSignal;
}

/** A tool that the gateway runs itself. */
export interface GatewayTool {
  /** What the model calls it, and, after `gateway:`, the client. */
  name: string;
  /** As the AI SDK takes it. */
  bind(run: Pick<ToolRun, 'env'>): Tool;
}

/** What a tool's file says. */
interface Definition<Input extends z.ZodObject> {
  name: string;
  /** For the model. */
  description: string;
  /** What the model calls it with. */
  input: Input;
  /** What it returns goes to the model as JSON; so does the message of what it throws. */
  run(input: z.infer<Input>, run: ToolRun): Promise<unknown>;
}

/** Defines a tool: its file and a line in gateway-tools.ts are all that there is to a new one. */
export function gatewayTool<Input extends z.ZodObject>(definition: Definition<Input>): GatewayTool {
  const { name, description, input, run } = definition;
  return {
    name,
    bind: ({ env }) =>
      tool({
        description,
        inputSchema: input as z.ZodObject,
        execute: (given: unknown, { abortSignal }) =>
          // The SDK has parsed it by the schema.
          run(given as z.infer<Input>, { env, signal: abortSignal ?? new AbortController().signal }),
      }),
  };
}
