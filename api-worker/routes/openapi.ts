import type { AppContext } from '../env.ts';

/** GET /openapi.json, public: what the API serves, in OpenAPI 3.1. */
export async function openApi(c: AppContext): Promise<Response> {
  // Loaded by those who ask for it: no other request needs any of it.
  const { openApiDocument } = await import('../openapi/document.ts');
  return c.body(openApiDocument(), 200, {
    'content-type': 'application/json',
    'cache-control': 'public, max-age=300',
  });
}
