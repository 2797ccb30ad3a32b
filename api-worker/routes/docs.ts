import type { ApiReferenceConfiguration } from '@scalar/api-reference';
import type { AppContext } from '../env.ts';
import { asset, page } from './pages.ts';

/** Ours alone: nothing is fetched from, sent to, or opened at Scalar's services. */
const CONFIGURATION = {
  url: '/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  persistAuth: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  // What shares the document, and opens it elsewhere.
  showDeveloperTools: 'never',
  hideClientButton: true,
  documentDownloadType: 'direct',
  modelsSectionLabel: 'Schemas',
  authentication: { preferredSecurityScheme: 'bearer' },
} satisfies Partial<ApiReferenceConfiguration> & { url: string; agent: { disabled: boolean } };

// Without inline scripts: its policy (http/browser.ts) allows none.
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@wemake/openai-api</title>
<link rel="icon" href="data:,">
</head>
<body>
<noscript>The description of this API is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<div id="app"></div>
<script src="/docs/init.js"></script>
<script src="/docs/scalar.js"></script>
</body>
</html>
`;

/** GET /docs, public: /openapi.json as an interactive page. */
export function docs(c: AppContext): Response {
  return page(c, PAGE);
}

// Before Scalar's script: the Zod in it would else try whether it may compile code, which the policy forbids.
const INIT = `globalThis.__zod_globalConfig = { jitless: true };
addEventListener('DOMContentLoaded', () => Scalar.createApiReference('#app', ${JSON.stringify(CONFIGURATION)}));
`;

/** GET /docs/init.js: starts the page. */
export function docsInit(c: AppContext): Response {
  return page(c, INIT, 'javascript');
}

/** GET /docs/scalar.js: the page's program. */
export function docsScalar(c: AppContext): Promise<Response> {
  return asset(c, '/docs/scalar.js');
}
