import { Agent, type IncomingMessage, request } from 'node:http';

/** What one request took, ms. */
export interface Timing {
  /** To the first byte of the body. */
  firstByte: number;
  total: number;
}

/** Asks over connections that stay open, as SDKs and proxies do. */
export class Client {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;
  readonly #headers: Record<string, string>;

  constructor(port: number, key: string) {
    this.#port = port;
    this.#headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  }

  /**
   * Sends a chat completion and reads its answer to the end.
   *
   * @throws Error when that is not a 200 or does not end as a whole answer does.
   */
  async ask(body: string): Promise<Timing> {
    const startedAt = performance.now();
    const response = await this.#send(body);
    let firstByte = 0;
    let last: Buffer = Buffer.alloc(0);
    for await (const chunk of response as AsyncIterable<Buffer>) {
      firstByte ||= performance.now() - startedAt;
      last = chunk;
    }
    const total = performance.now() - startedAt;
    if (response.statusCode !== 200 || !/(\[DONE\]|\})\s*$/.test(last.subarray(-16).toString()))
      throw new Error(`answered ${response.statusCode}: ${last.subarray(0, 300).toString()}`);
    return { firstByte, total };
  }

  /** Sends so many requests over so many connections. */
  async askMany(body: string, requests: number, connections: number): Promise<Timing[]> {
    const timings: Timing[] = [];
    let left = requests;
    const connection = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        timings.push(await this.ask(body));
      }
    };
    await Promise.all(Array.from({ length: connections }, connection));
    return timings;
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(body: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      request(
        {
          host: '127.0.0.1',
          port: this.#port,
          path: '/v1/chat/completions',
          method: 'POST',
          agent: this.#agent,
          headers: { ...this.#headers, 'content-length': Buffer.byteLength(body) },
        },
        resolve,
      )
        .once('error', reject)
        .end(body);
    });
  }
}
