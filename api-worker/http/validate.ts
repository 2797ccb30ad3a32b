import type * as z from 'zod';

type Issue = z.core.$ZodIssue;

/** The parts of a 400 that say what is wrong and where. */
export interface InvalidRequest {
  message: string;
  param: string | null;
  code: string | null;
}

/** Marks a bound as an integer's: `z.int().min(1, INTEGER)`. Zod says `number` of both kinds. */
export const INTEGER = 'integer';

/** What Zod says of a refinement that has no message of its own. */
const ZOD_CUSTOM = 'Invalid input';

/** Longest quote of what the client sent. */
const QUOTE_LENGTH = 64;

/**
 * A failed validation in OpenAI's words. Of a union the branch is told in which the value went
 * furthest: what is wrong with the third content part, not that messages may also be text.
 *
 * @param error of a parse with `reportInput: true`, without which a missing field reads as one of a wrong type.
 */
export function invalidRequest(error: z.ZodError): InvalidRequest {
  const [first] = error.issues;
  if (!first) return { message: 'The request is invalid.', param: null, code: null };
  const { issue, path } = deepest(first, []);
  const param = path.length > 0 ? paramOf(path) : null;
  return { param, ...explain(issue, param === null ? 'the request body' : `'${param}'`) };
}

interface Found {
  issue: Issue;
  path: readonly PropertyKey[];
}

function deepest(issue: Issue, base: readonly PropertyKey[]): Found {
  const path = [...base, ...issue.path];
  if (issue.code !== 'invalid_union') return { issue, path };
  const branches = issue.errors.flatMap((issues) => issues.slice(0, 1).map((inner) => deepest(inner, path)));
  const best = branches.reduce<Found | null>((a, b) => (a && a.path.length >= b.path.length ? a : b), null);
  return best && best.path.length > path.length ? best : { issue, path };
}

/** `messages[0].content[1].type` */
function paramOf(path: readonly PropertyKey[]): string {
  return path
    .map((step, n) => (typeof step === 'number' ? `[${step}]` : `${n > 0 ? '.' : ''}${String(step)}`))
    .join('')
    .slice(0, 256);
}

function explain(issue: Issue, what: string): { message: string; code: string | null } {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? missing(what) : invalidType(what, article(issue.expected), issue.input);
    case 'too_big':
    case 'too_small':
      return outOfRange(issue, what);
    case 'invalid_value':
      return invalidValue(issue.input, issue.values.map(String), what);
    case 'invalid_union':
      return invalidUnion(issue, what);
    case 'unrecognized_keys':
      return unknownParameter(issue.keys[0] ?? '');
    case 'custom':
      return {
        message: issue.message === ZOD_CUSTOM ? `Invalid value for ${what}.` : issue.message,
        code: 'invalid_value',
      };
    default:
      return { message: `Invalid value for ${what}.`, code: 'invalid_value' };
  }
}

function unknownParameter(name: string) {
  return { message: `Unknown parameter: '${name.slice(0, QUOTE_LENGTH)}'.`, code: 'unknown_parameter' };
}

function missing(what: string) {
  return { message: `Missing required parameter: ${what}.`, code: 'missing_required_parameter' };
}

function invalidType(what: string, expected: string, input: unknown) {
  return {
    message: `Invalid type for ${what}: expected ${expected}, but got ${kind(input)} instead.`,
    code: 'invalid_type',
  };
}

function invalidValue(input: unknown, supported: readonly string[], what: string) {
  if (input === undefined) return missing(what);
  const got = typeof input === 'string' ? `'${input.slice(0, QUOTE_LENGTH)}'` : kind(input);
  const list = supported.map((value) => `'${value}'`).join(', ');
  return { message: `Invalid value for ${what}: ${got}. Supported values are: ${list}.`, code: 'invalid_value' };
}

function invalidUnion(issue: Extract<Issue, { code: 'invalid_union' }>, what: string) {
  const { input } = issue;
  if (input === undefined) return missing(what);
  if ('discriminator' in issue && issue.discriminator && typeof input === 'object' && input !== null) {
    const field = String(issue.discriminator);
    const given = (input as Record<string, unknown>)[field];
    const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
    return invalidValue(given, options, what);
  }
  const [short] = issue.errors.flatMap(([inner]) =>
    inner?.code === 'too_small' && inner.path.length === 0 ? [inner] : [],
  );
  if (short) return outOfRange(short, what);
  const forms = issue.errors.flatMap(([inner]) => (inner?.code === 'invalid_type' ? [article(inner.expected)] : []));
  return invalidType(what, forms.length > 0 ? forms.join(' or ') : 'another form', input);
}

function outOfRange(issue: Extract<Issue, { code: 'too_big' | 'too_small' }>, what: string) {
  const big = issue.code === 'too_big';
  const bound = `a ${big ? 'maximum' : 'minimum'}`;
  const limit = big ? issue.maximum : issue.minimum;
  if (issue.origin === 'array') {
    const size = Array.isArray(issue.input) ? issue.input.length : 0;
    if (size === 0)
      return { message: `Invalid ${what}: empty array. Expected at least ${limit} element.`, code: 'empty_array' };
    return {
      message: `Invalid ${what}: array too ${big ? 'long' : 'short'}. Expected ${bound} length of ${limit}, but got ${size}.`,
      code: big ? 'array_above_max_length' : 'array_below_min_length',
    };
  }
  if (issue.origin === 'string') {
    return {
      message: `Invalid ${what}: string too ${big ? 'long' : 'short'}. Expected ${bound} length of ${limit}.`,
      code: big ? 'string_above_max_length' : 'string_below_min_length',
    };
  }
  const type = issue.message === INTEGER || issue.origin === 'int' ? 'integer' : 'decimal';
  return {
    message: `Invalid ${what}: expected a value ${big ? '<=' : '>='} ${limit}, but got ${String(issue.input).slice(0, 32)} instead.`,
    code: big ? `${type}_above_max_value` : `${type}_below_min_value`,
  };
}

/** A JSON value's kind, in the words that OpenAI uses. */
function kind(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'an array';
  if (typeof input === 'number') return Number.isInteger(input) ? 'an integer' : 'a decimal number';
  return article(typeof input);
}

function article(noun: string): string {
  const word = noun === 'int' ? 'integer' : noun;
  return /^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`;
}
