import { sha256Hex } from '../../shared/ids.ts';
import { exactly } from '../exact-json.ts';
import type { Candidate } from '../upstream/candidates.ts';

/** Fields that label a request and change nothing of its answer. All others are taken to shape it, unknown ones too. */
const LABELS = ['user', 'metadata', 'session_id', 'safety_identifier', 'store', 'prompt_cache_key', 'trace'];

/** Whatever an answer depends on. */
export interface Shaping {
  userId: string;
  /** Of the account's cache: what was stored under an earlier one is out of reach. */
  generation: number;
  path: string;
  /** The request's JSON. */
  text: string;
  /** Who may answer it, and how long. */
  candidates: readonly Candidate[];
  maxTokensDefault: string;
  fallback: boolean | null;
}

/**
 * The name under which an answer is stored: a SHA-256 over all that shapes it. The order of fields and
 * white space do not count; the digits of numbers do, as they were written.
 */
export async function cacheKey({ text, ...rest }: Shaping): Promise<string> {
  const request = exactly(text) as Record<string, unknown>;
  const shaping = Object.fromEntries(Object.entries(request).filter(([name]) => !LABELS.includes(name)));
  return `answer:${await sha256Hex(JSON.stringify(inOrder({ ...rest, request: shaping })))}`;
}

/** The value with the fields of its objects in order of their names. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  // A number that JSON.rawJSON wrapped is an object without a prototype.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, inOrder(member)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
