const { BASE_URL = 'http://127.0.0.1:8787', API_KEY = 'sk-local-development', MODEL = 'openai/gpt-5-mini' } = __ENV;

/** The gateway under load, with its `/v1`; BASE_URL may have it or not. */
export const API = `${BASE_URL.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1`;

/** Keys of one or several accounts; API_KEY has them separated by commas. */
export const KEYS = API_KEY.split(',');

/** A key of an account that is to meet its limit. */
export const LIMITED_KEY = __ENV.LIMITED_API_KEY ?? '';

export const CHAT_MODEL = MODEL;
export const EMBEDDINGS_MODEL = __ENV.EMBEDDINGS_MODEL ?? 'openai/text-embedding-3-small';

/** Whether each scenario is to be over in some seconds. */
export const SHORT = __ENV.PROFILE === 'ci';

/** Which version of a worker that is split between two is to answer, as Cloudflare takes it in a header. */
export const VERSION_OVERRIDE = __ENV.VERSION_OVERRIDE ?? '';
