import { fail } from 'k6';
import http, { type RefinedResponse } from 'k6/http';
import { Counter, Rate, Trend } from 'k6/metrics';
import { refusalFlaws } from './refusal.ts';
import { API, CHAT_MODEL, EMBEDDINGS_MODEL, KEYS, VERSION_OVERRIDE } from './target.ts';

type Answer = RefinedResponse<'text'>;

/** Requests that did not get the whole and right answer, of all. */
const failed = new Rate('failed');
/** Whole answers less the simulator's own time, ms. */
const added = new Trend('added_ms', true);
/** Streams: to the first byte, and that less the simulator's own time, ms. */
const firstByte = new Trend('first_byte_ms', true);
const addedFirstByte = new Trend('added_first_byte_ms', true);
/** What the gateway says that it took itself before it asked the upstream, ms; also where nobody else can tell. */
const gatewayTook = new Trend('gateway_ms', true);
/** Streams: between two events on average, and that less the simulator's own time, ms. */
const betweenEvents = new Trend('between_events_ms', true);
const addedBetweenEvents = new Trend('added_between_events_ms', true);

/** For the audit: requests begun, those of which is known how they were answered, and of these those with 2xx. */
const asked = new Counter('asked');
const answered = new Counter('answered');
const succeeded = new Counter('succeeded');

/** What is known of the system before the load begins. */
export interface Target {
  /** Whether the simulator answers behind the gateway, so that it can be told how to, and tells its own time. */
  simulated: boolean;
}

/** How the simulator is to answer: chunks of a stream, ms to the first one and between two. */
interface Pace {
  chunks: number;
  ttft_ms: number;
  gap_ms: number;
}

/** The simulator's own time, as it tells it at the end of an answer. */
const STREAM_TOOK = /: sim first ([\d.]+) ms, all ([\d.]+) ms\s*$/;
const JSON_TOOK = /"sim_ms":([\d.]+)}\s*$/;

/**
 * Asks once with every key, so that what a fresh system must learn it has learnt, and finds out who answers. Fails
 * the run when the gateway cannot be used.
 */
export function setup(): Target {
  const answers = KEYS.map((key) => post('/chat/completions', key, chat(false, { chunks: 2, ttft_ms: 0, gap_ms: 0 })));
  const refused = answers.find(({ status }) => status !== 200);
  if (refused) fail(`${API} answers ${refused.status || refused.error}: ${refused.body.slice(0, 300)}`);
  const simulated = answers.every(({ body }) => JSON_TOOK.test(body));
  if (!simulated)
    console.warn('The upstream does not tell its own time: what the gateway adds is only its own word, gateway_ms.');
  return { simulated };
}

/** A chat whose answer is streamed. */
export function streamedChat({ simulated }: Target, key: string, pace: Pace): void {
  const answer = post('/chat/completions', key, chat(true, simulated ? pace : null, pace.chunks));
  const { status, body, timings } = answer;
  const events = body.split('\ndata: ').length;
  const whole = status === 200 && body.includes('data: [DONE]') && !body.includes('data: {"error"');
  note(answer, whole);
  if (!whole) return;
  firstByte.add(timings.waiting);
  betweenEvents.add(timings.receiving / (events - 1));
  const [, first, all] = STREAM_TOOK.exec(body.slice(-100)) ?? [];
  if (first === undefined || all === undefined) return;
  added.add(timings.duration - Number(all));
  addedFirstByte.add(timings.waiting - Number(first));
  addedBetweenEvents.add((timings.receiving - (Number(all) - Number(first))) / (events - 1));
}

/** A chat whose answer comes as JSON. */
export function wholeChat({ simulated }: Target, key: string, pace: Pace): void {
  const answer = post('/chat/completions', key, chat(false, simulated ? pace : null, pace.chunks));
  noteJson(answer, answer.status === 200 && /"finish_reason": ?"/.test(answer.body));
}

/** Embeddings of a text, after so many ms. */
export function embeddings({ simulated }: Target, key: string, ms: number): void {
  const sim = simulated ? { sim: { timing: true, ttft_ms: ms } } : {};
  const answer = post('/embeddings', key, { model: EMBEDDINGS_MODEL, input: question(), ...sim });
  noteJson(answer, answer.status === 200 && /"embedding": ?[["]/.test(answer.body));
}

/**
 * A small chat of a key that meets its limit: let in, or refused in due form.
 *
 * @returns whether it was refused.
 */
export function limitedChat({ simulated }: Target, key: string): boolean {
  const pace = { chunks: 5, ttft_ms: 50, gap_ms: 0 };
  const answer = post('/chat/completions', key, chat(false, simulated ? pace : null, pace.chunks), [200, 429]);
  const flaws = answer.status === 429 ? refusalFlaws(answer) : [];
  for (const flaw of flaws) console.warn(`A 429 is not well-formed: ${flaw}`);
  note(answer, (answer.status === 200 || answer.status === 429) && flaws.length === 0);
  return answer.status === 429;
}

/** @param pace null: a real upstream answers, with at most `tokens`. */
function chat(stream: boolean, pace: Pace | null, tokens = 50): object {
  const answer = pace ? { sim: { timing: true, ...pace } } : { max_tokens: Math.max(tokens, 16) };
  return { model: CHAT_MODEL, stream, messages: [{ role: 'user', content: question() }], ...answer };
}

/** Each of its own, some hundred characters long. */
function question(): string {
  const number = Math.random().toString(36).slice(2);
  return `Question ${number}. ${'What is between the first byte of an answer and its last? '.repeat(5)}`;
}

function post(path: string, key: string, body: object, statuses: number[] = [200]): Answer {
  asked.add(1);
  const answer = http.post(API + path, JSON.stringify(body), {
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(VERSION_OVERRIDE && { 'Cloudflare-Workers-Version-Overrides': VERSION_OVERRIDE }),
    },
    responseType: 'text',
    responseCallback: http.expectedStatuses(...statuses),
    timeout: '120s',
  });
  // A request that was cut off, by its timeout or by the end of the run, has no status: k6 knows no half answers.
  if (answer.status !== 0) answered.add(1);
  if (answer.status >= 200 && answer.status < 300) succeeded.add(1);
  // For the audit too: what was answered, by the gateway's id of it.
  const id = answer.headers['X-Request-Id'];
  if (__ENV.LOG_REQUESTS && id !== undefined) console.log(`${id} ${answer.status}`);
  // A refused connection has no body at all.
  return { ...answer, body: answer.body ?? '' };
}

function noteJson(answer: Answer, whole: boolean): void {
  note(answer, whole);
  const took = JSON_TOOK.exec(answer.body.slice(-100))?.[1];
  if (whole && took !== undefined) added.add(answer.timings.duration - Number(took));
}

function note({ status, error, body, headers }: Answer, ok: boolean): void {
  failed.add(!ok);
  const took = /gateway;dur=(\d+)/.exec(headers['Server-Timing'] ?? '')?.[1];
  if (took !== undefined) gatewayTook.add(Number(took));
  if (!ok) console.warn(`Failed: ${status} ${error} ${body.slice(-300)}`);
}
