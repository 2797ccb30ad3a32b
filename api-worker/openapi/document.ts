import { errorRefs, type HeaderName, headerRefs, RATE_HEADERS, sharedComponents, steeringRefs } from './components.ts';
import { type Answer, type Operation, TAGS } from './operation.ts';
import { OPERATIONS } from './operations.ts';
import { queryParameters } from './query-parameters.ts';
import { componentSchemas, type JsonSchema, ref } from './schemas.ts';

let written: string | null = null;

/** The OpenAPI 3.1 document of all that app.ts serves, as JSON; built once an isolate. */
export function openApiDocument(): string {
  written ??= JSON.stringify(build());
  return written;
}

function build(): JsonSchema {
  return {
    openapi: '3.1.1',
    info: {
      title: '@wemake/openai-api',
      version: 'v1',
      description: 'An OpenAI-compatible gateway in front of OpenRouter.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative: whatever the address at which the document was found.
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: pathsOf(OPERATIONS),
    components: { ...sharedComponents(), schemas: componentSchemas() },
  };
}

function pathsOf(operations: readonly Operation[]): JsonSchema {
  const byPath = Map.groupBy(operations, ({ path }) => path);
  return Object.fromEntries(
    [...byPath].map(([path, same]) => [path, Object.fromEntries(same.map((one) => [one.method, operationOf(one)]))]),
  );
}

function operationOf(operation: Operation): JsonSchema {
  const { id, tag, summary, description, permission, body } = operation;
  const needs = permission && (permission === 'any' ? 'Any valid key.' : `Needs the permission \`${permission}\`.`);
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [description, needs].filter(Boolean).join(' '),
    // For a bearer the names are those of permissions (OpenAPI 3.1, Security Requirement Object).
    security: permission ? [{ bearer: permission === 'any' ? [] : [permission] }] : [],
    parameters: parametersOf(operation),
    ...(body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: ref(body.schema), example: body.example } },
      },
    }),
    responses: { ...answersOf(operation), ...errorsOf(operation) },
  };
}

function parametersOf({ path, pathExample, query, steered }: Operation): JsonSchema[] {
  const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' }, example: pathExample };
  return [
    ...(path.includes('{id}') ? [id] : []),
    ...(query ? queryParameters(query) : []),
    ...(steered ? steeringRefs() : []),
  ];
}

function answersOf({ answers, permission }: Operation): JsonSchema {
  const common: HeaderName[] = ['x-request-id', ...(permission ? RATE_HEADERS : [])];
  return Object.fromEntries(
    Object.entries<Answer>(answers).map(([status, answer]) => [
      status,
      {
        description: answer.description,
        headers: headerRefs([...common, ...(answer.headers ?? [])]),
        content: contentOf(answer),
      },
    ]),
  );
}

function contentOf({ json, events, other }: Answer): JsonSchema {
  return {
    ...(json && { 'application/json': { schema: ref(json) } }),
    ...(events && { 'text/event-stream': { schema: ref(events) } }),
    ...(other && { [other]: {} }),
  };
}

function errorsOf({ permission, body, errors = [] }: Operation): JsonSchema {
  const ofPermission = [401, 403, 429, 503] as const;
  const ofBody = [400, 413, 415] as const;
  return errorRefs([...(permission ? ofPermission : []), ...(body ? ofBody : []), ...errors]);
}
