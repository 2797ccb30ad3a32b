import type { Planned } from './requests.ts';

/** What a client saw of its request. */
export interface Seen {
  /** The gateway's id of it; null: the client was gone before it was told. */
  requestId: string | null;
  /** Whether it was let in: refused for its budget, it is not billed. */
  accepted: boolean;
  /** Its status, and the beginning of what it was told, for whoever looks into a failure. */
  told: string;
}

/** Sends one request, reads as long as its client stays, and leaves. */
export async function send(origin: string, key: string, planned: Planned): Promise<Seen> {
  const leaving = new AbortController();
  const timer = planned.goneAfterMs === null ? null : setTimeout(() => leaving.abort(), planned.goneAfterMs);
  let requestId: string | null = null;
  try {
    const response = await fetch(origin + planned.path, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...planned.headers },
      body: JSON.stringify(planned.body),
      signal: leaving.signal,
    });
    requestId = response.headers.get('x-request-id');
    if (timer) clearTimeout(timer);
    const text = await read(response, planned.goneAfterBytes ?? Number.POSITIVE_INFINITY, leaving);
    const accepted = !(response.status === 429 && text.includes('budget'));
    return { requestId, accepted, told: `${planned.path} ${response.status} ${text.slice(0, 200)}` };
  } catch (error) {
    if (!leaving.signal.aborted) console.error(`request ${planned.n}: ${error}`);
    return { requestId, accepted: requestId !== null, told: `${planned.path} ${error}` };
  } finally {
    if (timer) clearTimeout(timer);
  }
}

async function read(response: Response, most: number, leaving: AbortController): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length < most) continue;
    leaving.abort();
    break;
  }
  return text;
}
