import { jsonOf } from '../upstream/sse.ts';
import { type Completion, chunksOf } from './chunks.ts';

type Detail = Record<string, unknown>;

/** What streams send in pieces. */
const PIECES = ['text', 'summary', 'data'];

/**
 * The reasoning behind an answer, as it is to be sent back with it (OpenRouter's `reasoning_details`):
 * pieces of one block are joined, the blocks stay in order.
 */
export function reasoningDetailsOf(transcript: string, streamed: boolean): Detail[] {
  if (!streamed) return jsonOf<Completion>(transcript)?.choices?.[0]?.message?.reasoning_details ?? [];
  const blocks: Detail[] = [];
  for (const { choices } of chunksOf(transcript)) {
    for (const detail of choices?.[0]?.delta?.reasoning_details ?? []) {
      const last = blocks.at(-1);
      if (last && last.type === detail.type && last.index === detail.index) join(last, detail);
      else blocks.push({ ...detail });
    }
  }
  return blocks;
}

function join(block: Detail, piece: Detail): void {
  for (const [name, value] of Object.entries(piece)) {
    const before = block[name];
    if (PIECES.includes(name) && typeof before === 'string' && typeof value === 'string') block[name] = before + value;
    else if (value != null) block[name] = value;
  }
}
