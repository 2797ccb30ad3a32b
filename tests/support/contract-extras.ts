/** A way in which answers differ from OpenAI's official schemas. */
export interface Extra {
  schema: string;
  /** Matches the violation as tests/support/openai-spec.ts words it. */
  violation: RegExp;
  /** For people. */
  what: string;
  why: string;
  /** Where it was seen: in recorded answers of OpenRouter, or in our own. */
  seen: 'recorded' | 'own';
}

const CHAT = 'CreateChatCompletionResponse';
const CHUNK = 'CreateChatCompletionStreamResponse';
const VERBATIM = 'The relay lane passes bytes on as they come: to mend them would cost JavaScript for every chunk.';

/** All there are: a test fails for one that is not listed, and for one that is listed and does not occur. */
export const EXTRAS: readonly Extra[] = [
  {
    schema: CHAT,
    violation: /^\/system_fingerprint must be string: null$/,
    what: '`system_fingerprint` is null',
    why: `OpenRouter's, where a provider has none. ${VERBATIM}`,
    seen: 'recorded',
  },
  {
    schema: CHAT,
    violation: /^\/usage\/(prompt|completion)_tokens_details must be object: null$/,
    what: '`usage.prompt_tokens_details`, `usage.completion_tokens_details` are null',
    why: "OpenRouter's, where a provider tells no details; the meter takes them for unknown, not for 0.",
    seen: 'recorded',
  },
  {
    schema: CHAT,
    violation: /^\/choices\/\d+\/finish_reason .*: null$/,
    what: '`finish_reason` is null',
    why: "OpenRouter's, where a provider does not say why it ended.",
    seen: 'recorded',
  },
  {
    schema: CHAT,
    violation: /^\/choices\/\d+\/message\/annotations\/\d+(\/type must be equal|.*url_citation)/,
    what: '`annotations` of type `file`',
    why: "OpenRouter's: a parsed file, to be sent back with the next request so that it is not parsed again.",
    seen: 'recorded',
  },
  {
    schema: CHUNK,
    violation: /^\/choices\/\d+\/logprobs must .*: -?[\d.e-]+$/,
    what: '`logprobs` is a number',
    why: "Together's, through OpenRouter: the log probability of the chunk's one token.",
    seen: 'recorded',
  },
  {
    schema: CHUNK,
    violation: /^\/service_tier must .*: "standard"$/,
    what: '`service_tier` is `standard`',
    why: "Anthropic's word for `default`, through OpenRouter.",
    seen: 'recorded',
  },
  {
    schema: 'CreateCompletionResponse',
    violation: /^\/choices\/\d+\/finish_reason .*: null$/,
    what: '`finish_reason` is null in chunks of a stream',
    why: "OpenAI's own streams have null before the end too: the schema is that of the whole answer.",
    seen: 'own',
  },
  {
    schema: 'CreateEmbeddingResponse',
    violation: /^\/data\/\d+\/embedding must be array: "/,
    what: '`embedding` is a string with `encoding_format: base64`',
    why: "The official request has base64, which the official answer's schema forgot.",
    seen: 'own',
  },
];
