import * as z from 'zod';
import { LetterSelection } from '../routes/admin/dead-letters/letters.ts';
import { KeyChange, KeyCreation, Rotation } from '../routes/admin/keys.ts';
import { Restoration } from '../routes/admin/ledger-archives.ts';
import { PriceSetting } from '../routes/admin/prices.ts';
import { RerateRequest } from '../routes/admin/rerate.ts';
import { TierChange } from '../routes/admin/tiers.ts';
import { UserChange, UserCreation } from '../routes/admin/users.ts';
import { ChatRequest } from '../routes/chat-request.ts';
import { CompletionsRequest } from '../routes/completions-request.ts';
import { EmbeddingsRequest } from '../routes/embeddings-request.ts';
import { ResponsesRequest } from '../routes/responses-request.ts';
import * as answers from './answers.ts';
import * as usage from './usage-answers.ts';

/** What stands under `components.schemas`, by its name there. Requests are the very schemas that validate them. */
const SCHEMAS = {
  ChatCompletionRequest: ChatRequest,
  ChatMessage: ChatRequest.shape.messages.element,
  CompletionRequest: CompletionsRequest,
  ResponseRequest: ResponsesRequest,
  EmbeddingRequest: EmbeddingsRequest,
  UserCreation,
  UserChange,
  KeyCreation,
  KeyChange,
  KeyRotation: Rotation,
  TierChange,
  PriceSetting,
  RerateRequest,
  DeadLetterSelection: LetterSelection,
  Error: answers.ApiErrorAnswer,
  ChatCompletion: answers.ChatCompletion,
  ChatCompletionChunk: answers.ChatCompletionChunk,
  Completion: answers.Completion,
  Response: answers.ResponseAnswer,
  ResponseEvent: answers.ResponseEvent,
  EmbeddingList: answers.EmbeddingList,
  CacheEmptied: answers.CacheEmptied,
  Model: answers.Model,
  ModelList: answers.ModelList,
  Health: answers.HealthAnswer,
  KeyInUse: usage.KeyInUse,
  Usage: usage.Usage,
  OrganizationUsage: answers.OrganizationUsage,
  OrganizationCosts: answers.OrganizationCosts,
  User: answers.User,
  UserPage: answers.UserPage,
  Key: answers.Key,
  NewKey: answers.NewKey,
  RotatedKey: answers.RotatedKey,
  KeyPage: answers.KeyPage,
  KeyRevoked: answers.KeyRevoked,
  Tier: answers.Tier,
  TierList: answers.TierList,
  ModelPrice: answers.ModelPrice,
  ModelPricePage: answers.ModelPricePage,
  Rerating: answers.Rerating,
  AuditLogPage: answers.AuditLogPage,
  DeadLetterPage: answers.DeadLetterPage,
  DeadLetter: answers.DeadLetter,
  DeadLetterSummary: answers.DeadLetterSummary,
  DeadLetterChanges: answers.DeadLetterChanges,
  Billing: answers.Billing,
  Latency: usage.Latency,
  RequestPage: usage.RequestPage,
  Receipt: usage.Receipt,
  AlertList: answers.AlertList,
  AccountComparisonPage: answers.AccountComparisonPage,
  Upstream: answers.Upstream,
  LedgerArchivePage: answers.LedgerArchivePage,
  LedgerArchive: answers.LedgerArchive,
  LedgerRestoration: Restoration,
} as const satisfies Record<string, z.ZodType>;
export type SchemaName = keyof typeof SCHEMAS;

export type JsonSchema = Record<string, unknown>;

/** What a client writes, which a transformation afterwards does not change; a refinement has no form in JSON Schema. */
const AS_SENT = { io: 'input', unrepresentable: 'any', target: 'draft-2020-12' } as const;

/** A pointer to a component. */
export function ref(name: SchemaName): JsonSchema {
  return { $ref: uri(name) };
}

/** All components as JSON Schema; where one holds another it points to it. */
export function componentSchemas(): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { ...AS_SENT, uri });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutHead(schema)]));
}

/** A query's schema as the schemas of its parameters. */
export function parameterSchemas(query: z.ZodType): { name: string; required: boolean; schema: JsonSchema }[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, AS_SENT);
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    required: required.includes(name),
    schema: schema as JsonSchema,
  }));
}

function uri(name: string): string {
  return `#/components/schemas/${name}`;
}

/** The dialect is OpenAPI 3.1's own, and a schema's name is its key. */
function withoutHead({ $schema: _, $id: __, ...schema }: JsonSchema): JsonSchema {
  return schema;
}
