import type { AnalyticsEvent } from '../../shared/analytics-event.ts';

/** Whether a request asked for vectors: no generation, no part of a conversation, and no content in its answer. */
export function isEmbedding({ endpoint }: AnalyticsEvent): boolean {
  return endpoint.endsWith('/embeddings');
}
