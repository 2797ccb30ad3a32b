import 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Base URL of the simulated OpenRouter, for UPSTREAM_BASE_URL. */
    upstreamUrl: string;
  }
}
