import { Parser } from 'expr-eval-fork';
import * as z from 'zod';
import { gatewayTool } from '../gateway-tool.ts';

/** Longer ones are no sums; what a parser does with them is not worth finding out. */
const EXPRESSION_MAX_CHARS = 500;

/** An interpreter of its own, without `eval`: numbers in, a number out. No assignments, texts or functions to define. */
const parser = new Parser({
  operators: { assignment: false, fndef: false, concatenate: false, random: false, in: false },
});

export const calculator = gatewayTool({
  name: 'calculator',
  description:
    'Evaluates an arithmetic expression exactly as written, such as (2 + 3) * 4 ^ 2 / 7 or sqrt(2) * sin(PI / 3). Knows + - * / % ^, comparison, sqrt, abs, round, floor, ceil, min, max, log, exp, sin, cos, tan, PI, E.',
  input: z.object({ expression: z.string().min(1).max(EXPRESSION_MAX_CHARS).describe('The expression.') }),
  async run({ expression }) {
    const result: unknown = parser.evaluate(expression);
    if (typeof result !== 'number' && typeof result !== 'boolean')
      throw new Error('The expression has no number as its value.');
    return { expression, result: typeof result === 'number' && !Number.isFinite(result) ? String(result) : result };
  },
});
