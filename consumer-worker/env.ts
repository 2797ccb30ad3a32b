/** The bindings of wrangler.consumer.toml. Secrets may be unset. */
export type Env = Omit<
  ConsumerBindings,
  'OPENROUTER_API_KEY' | 'POSTHOG_API_KEY' | 'JWT_SECRET' | 'AI_GATEWAY_TOKEN' | 'ALERT_WEBHOOK_URL' | 'LEDGER_ARCHIVE'
> & {
  /** The upstream's key; unset, nothing can be asked of it. */
  OPENROUTER_API_KEY?: string;
  /** Unset: analytics events are counted and dropped. */
  POSTHOG_API_KEY?: string;
  /** Unset: changes of alerts are logged only. */
  ALERT_WEBHOOK_URL?: string;
  /** Unbound: ledger rows stay where they are. */
  LEDGER_ARCHIVE?: R2Bucket;
};
