import type { Env } from '../env.ts';
import type { Candidate } from '../upstream/candidates.ts';
import type { AddedUsage } from '../upstream/chunk.ts';
import { canContinue, continuationOf, type Said } from '../upstream/continuation.ts';
import { failover, type UpstreamRequest } from '../upstream/failover.ts';
import { generationOf } from '../upstream/generation.ts';
import type { Journal } from '../upstream/journal.ts';
import type { Resume } from '../upstream/resume.ts';
import { within } from '../within.ts';
import { bodyFor } from './chat-body.ts';
import type { ChatRequest } from './chat-request.ts';

/** By the time that a continuation tells its usage, the upstream mostly knows what the broken attempt used. */
const USED_WITHIN_MS = 2_000;

/**
 * Continues broken chat streams: on the candidates that did not break them, and on the one that did if
 * there is no other.
 *
 * @param upstream the request as it was first made.
 * @param text its JSON, which was validated.
 */
export function chatResume(upstream: UpstreamRequest, text: string, maxTokensDefault: number): Resume {
  return async (said, died) => {
    const request = JSON.parse(text) as ChatRequest;
    if (!canContinue(request, said) || upstream.signal.aborted) return null;
    const { first, more } = upstream.candidates;
    const all = [...first, ...((await more?.()) ?? [])];
    const others = all.filter(({ model }) => model !== died.record.model);
    const same = all.filter(({ model }) => model === died.record.model);
    const continued = (candidate: Candidate): string => {
      const { messages, lengths } = continuationOf(request, said, candidate.model);
      return bodyFor(text, request, candidate, maxTokensDefault, { messages, ...lengths });
    };
    try {
      const answer = await failover({
        ...upstream,
        candidates: { first: [...others, ...same], more: null, insistsOn: null, tier: null },
        bodyFor: continued,
        boundOf: (candidate) => upstream.boundOf(candidate, bytesOf(said)),
        hedge: false,
      });
      const { seam } = continuationOf(request, said, answer.record.model);
      return { answer, seam, used: () => usedBefore(upstream.env, upstream.journal, answer.record.startedAt) };
    } catch {
      // The journal knows why.
      return null;
    }
  };
}

/** Prompt that the continuation has beyond the request. */
function bytesOf({ text }: Said): number {
  return new TextEncoder().encode(text).byteLength;
}

/** What the attempts that the client got something of used, before one that goes on; null: not all say so in time. */
async function usedBefore(env: Env, { attempts }: Journal, startedAt: number): Promise<AddedUsage | null> {
  const before = attempts.filter((record) => record.relayed && record.startedAt < startedAt);
  const asking = Promise.all(before.map((record) => generationOf(env, record, record.generationId)));
  const generations = await within(USED_WITHIN_MS, asking).catch(() => [null]);
  let used: AddedUsage = { inputTokens: 0, outputTokens: 0, costNanoUsd: 0 };
  for (const generation of generations) {
    if (!generation) return null;
    used = {
      inputTokens: used.inputTokens + (generation.inputTokens ?? 0),
      outputTokens: used.outputTokens + (generation.outputTokens ?? 0),
      costNanoUsd: used.costNanoUsd + generation.costNanoUsd,
    };
  }
  return used;
}
