import 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** Base URL of the simulated OpenRouter, for UPSTREAM_BASE_URL. */
    upstreamUrl: string;
    /** Bodies of recorded requests, as JSON, and the path at which we take them; none where no recordings are. */
    recordedBodies: { path: string; body: string }[];
  }
}
