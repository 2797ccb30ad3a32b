/** The bindings of wrangler.consumer.toml. An unset POSTHOG_API_KEY turns analytics off. */
export type Env = Omit<ConsumerBindings, 'OPENROUTER_API_KEY' | 'POSTHOG_API_KEY' | 'JWT_SECRET'> & {
  POSTHOG_API_KEY?: string;
};
