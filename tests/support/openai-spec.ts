import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

/** OpenAI's own description of its API, beside the project. */
const OPENAI_SPEC = process.env.OPENAI_SPEC ?? new URL('../../../shared/openai-openapi.yaml', import.meta.url).pathname;

/** What breaks a schema, in words that begin with a JSON pointer; nothing where all is well. */
type Validator = (value: unknown) => string[];

export interface OpenAiSpec {
  /** Checks values against one of `#/components/schemas`. */
  validator(schemaName: string): Validator;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Schemas = Record<string, Json>;

let loaded: OpenAiSpec | null | undefined;

/** The official spec; null where it is absent, which is said once. */
export function openAiSpec(): OpenAiSpec | null {
  if (loaded !== undefined) return loaded;
  if (!existsSync(OPENAI_SPEC)) {
    console.log(`No OpenAI spec at ${OPENAI_SPEC}: what is checked against it is skipped.`);
    loaded = null;
    return loaded;
  }
  const { components } = parse(readFileSync(OPENAI_SPEC, 'utf8')) as { components: { schemas: Schemas } };
  const schemas = asJsonSchema(components.schemas, components.schemas) as Schemas;
  // Not strict: OpenAPI's own keywords (discriminator, x-…) stand in the schemas, and mean nothing to a validator.
  const ajv = new Ajv2020({ strict: false, allErrors: true, verbose: true });
  addFormats.default(ajv);
  // Names the spec gives to numbers; ajv-formats has none for them.
  ajv.addFormat('unixtime', { type: 'number', validate: (value: number) => value >= 0 });
  ajv.addSchema({ $id: 'openai', components: { schemas } });
  const compiled = new Map<string, ValidateFunction>();
  loaded = {
    validator(schemaName) {
      if (!Object.hasOwn(schemas, schemaName)) throw new Error(`OpenAI's spec has no schema ${schemaName}.`);
      const validate = compiled.get(schemaName) ?? ajv.compile({ $ref: `openai#/components/schemas/${schemaName}` });
      compiled.set(schemaName, validate);
      return (value) => (validate(value) ? [] : violations(validate));
    },
  };
  return loaded;
}

/**
 * Brings OpenAPI's ways to JSON Schema's: 3.0's `nullable`, of which the spec still has some, and unions whose
 * branches are told apart by `type`, in which only the branch that is meant is to complain.
 */
function asJsonSchema(schema: Json, schemas: Schemas): Json {
  if (Array.isArray(schema)) return schema.map((item) => asJsonSchema(item, schemas));
  if (schema === null || typeof schema !== 'object') return schema;
  const { nullable, ...rest } = schema;
  const same = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, asJsonSchema(value, schemas)]));
  // A property may be named nullable: then it is no keyword.
  if (nullable !== undefined && typeof nullable !== 'boolean')
    return { ...same, nullable: asJsonSchema(nullable, schemas) };
  const typed = byType(same, schemas);
  return nullable ? { anyOf: [typed, { type: 'null' }] } : typed;
}

/** A union as a choice by `type`, where every branch requires one of its own; any other schema as it is. */
function byType(schema: Record<string, Json>, schemas: Schemas): Record<string, Json> {
  const keyword = Array.isArray(schema.oneOf) ? 'oneOf' : 'anyOf';
  const branches = schema[keyword];
  if (!Array.isArray(branches) || branches.length < 2) return schema;
  const types = branches.map((branch) => typeOf(branch, schemas));
  if (types.includes(null) || new Set(types).size < types.length) return schema;
  const { [keyword]: _, ...rest } = schema;
  const choices = branches.map((branch, n) => ({
    if: { properties: { type: { const: types[n] ?? null } } },
    // biome-ignore lint/suspicious/noThenProperty: an object of JSON Schema, which is never awaited: `then` is its keyword
    then: branch,
  }));
  const known = { type: 'object', required: ['type'], properties: { type: { enum: types } } };
  return { ...rest, allOf: [...(Array.isArray(rest.allOf) ? rest.allOf : []), known, ...choices] };
}

/** The one `type` that a schema, or the one it refers to, requires; null where it requires none. */
function typeOf(schema: Json, schemas: Schemas): string | null {
  const { $ref, required, properties } = schema as {
    $ref?: string;
    required?: string[];
    properties?: { type?: { enum?: string[]; const?: string } };
  };
  if ($ref) return typeOf(schemas[$ref.replace('#/components/schemas/', '')] ?? {}, schemas);
  const { enum: values = [], const: value = values[0] } = properties?.type ?? {};
  return required?.includes('type') && values.length < 2 ? (value ?? null) : null;
}

/** Where and how a value breaks its schema. */
function violations({ errors }: ValidateFunction): string[] {
  const lines = (errors ?? [])
    // What encloses a violation says no more than that there is one.
    .filter(({ keyword }) => keyword !== 'if')
    .map(({ instancePath, message, params, data }) => {
      const allowed = 'allowedValues' in params ? ` (${params.allowedValues})` : '';
      return `${instancePath || '/'} ${message}${allowed}: ${JSON.stringify(data)?.slice(0, 120)}`;
    });
  return [...new Set(lines)];
}
