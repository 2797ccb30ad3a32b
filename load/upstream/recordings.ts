import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join, normalize } from 'node:path';
import { setImmediate as tick } from 'node:timers/promises';

/** A recorded exchange, as far as it is replayed. */
export interface Recording {
  request: { method: string; url: string; body: unknown };
  response: { status: number; headers?: Record<string, string | string[]>; body: unknown; network_chunks?: string[] };
}

/** The recordings in a folder, by their path below it; none where the folder is absent. */
export function listRecordings(dir: string | undefined): string[] {
  if (!dir || !existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json') && file.includes('/'))
    .sort();
}

/** Reads a recording; null for what is not in the folder. */
export function readRecording(dir: string | undefined, file: string): Recording | null {
  if (!dir || normalize(file).startsWith('..')) return null;
  const path = join(dir, file);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Recording) : null;
}

/** The body's text as it goes over the wire. */
export function recordedText({ response }: Recording): string {
  return typeof response.body === 'string' ? response.body : JSON.stringify(response.body);
}

/** Answers as recorded: status, content type, bytes, and the network's own cuts where they are known. */
export async function replay(response: ServerResponse, recording: Recording): Promise<void> {
  const { status, headers = {}, network_chunks } = recording.response;
  const text = recordedText(recording);
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  const fallback = /^(?::|data:|event:)/.test(text.trimStart()) ? 'text/event-stream' : 'application/json';
  response.writeHead(status, { 'content-type': String(type ?? fallback) });
  for (const chunk of network_chunks ?? [text]) {
    response.write(chunk);
    await tick();
  }
  response.end();
}
