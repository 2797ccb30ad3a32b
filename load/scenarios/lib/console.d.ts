export {};

declare global {
  /** What k6 has of it; its own types do not say so. */
  var console: Record<'log' | 'warn', (message: string) => void>;
}
