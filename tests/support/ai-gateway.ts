import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A hop as Cloudflare AI Gateway is one: keeps what it was sent, and sends it on to its provider. */
export interface AiGateway {
  /** What AI_GATEWAY_BASE_URL is set to. */
  url: string;
  received: { path: string; headers: IncomingHttpHeaders }[];
  close(): Promise<void>;
}

const PATH = '/v1/0123456789abcdef/my-gateway/openrouter';

/** @param upstream base URL of the provider. */
export async function startAiGateway(upstream: string): Promise<AiGateway> {
  const received: AiGateway['received'] = [];
  const server = createServer((incoming, outgoing) => {
    received.push({ path: incoming.url ?? '', headers: incoming.headers });
    const to = upstream + (incoming.url ?? '').slice(PATH.length);
    const { host: _, ...headers } = incoming.headers;
    const onward = request(to, { method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.once('error', () => outgoing.destroy());
    });
    onward.once('error', () => outgoing.destroy());
    outgoing.once('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
