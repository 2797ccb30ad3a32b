import type { AppContext } from '../env.ts';

/** The client's IP address as Cloudflare saw it; null outside of its network. */
export function addressOf(c: AppContext): string | null {
  return c.req.header('cf-connecting-ip') ?? null;
}

/** What one client can be counted by: an IPv4 address, or the /64 that an IPv6 client has to itself. */
export function addressBlock(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - groups.length - after.length)).fill('0');
  return `${[...groups, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
