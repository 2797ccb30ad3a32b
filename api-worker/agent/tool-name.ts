/** What stands before the names of tools that the gateway runs. Here alone, for the relay lane asks it of every tool. */
export const GATEWAY = 'gateway:';

/** The name of one of the gateway's tools, by its type in a request; null: it is no such tool. */
export function gatewayNameOf(type: string): string | null {
  return type.startsWith(GATEWAY) ? type.slice(GATEWAY.length) : null;
}
