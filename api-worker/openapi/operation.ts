import type * as z from 'zod';
import type { Permission } from '../auth/principal.ts';
import type { ErrorStatus, HeaderName } from './components.ts';
import type { SchemaName } from './schemas.ts';

export const TAGS = {
  Generation: 'What costs money: everything here is admitted against the limits of the account, and billed.',
  Models: 'Who can answer.',
  Usage: 'What was used, request by request or summed up, and what the limits leave.',
  Organization: "All accounts' usage and costs, as OpenAI's dashboards ask for them.",
  Administration: 'Accounts, keys, limits, prices, bills, dead letters, archives. Every change is in the audit log.',
  Service: 'The service itself: its health, and this description.',
} as const;

/** One method of one path, as the tables list them; document.ts makes OpenAPI of it. */
export interface Operation {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/admin/users/{id}`. */
  path: string;
  id: string;
  tag: keyof typeof TAGS;
  summary: string;
  description?: string;
  /** Null: open to everyone. */
  permission: Permission | 'any' | null;
  /** An `{id}` that is there, for those who try it out. */
  pathExample?: string;
  body?: { schema: SchemaName; example: unknown };
  query?: { schema: z.ZodType; meanings?: Record<string, string> };
  /** Whether the headers that steer the gateway are read. */
  steered?: boolean;
  answers: Readonly<Record<number, Answer>>;
  /** Besides those that its permission and its body bring with them. */
  errors?: readonly ErrorStatus[];
}

/** What an answer holds. */
export interface Answer {
  description: string;
  json?: SchemaName;
  /** The JSON of each `data:` line, where the answer is streamed. */
  events?: SchemaName;
  /** A content type, where it is neither. */
  other?: string;
  headers?: readonly HeaderName[];
}
