import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invalidRequest } from '../../../api-worker/http/validate.ts';
import { ChatRequest } from '../../../api-worker/routes/chat-request.ts';

const told = (body: unknown) => {
  const parsed = ChatRequest.safeParse(body, { reportInput: true });
  return parsed.success ? null : invalidRequest(parsed.error);
};
const user = (content: unknown) => ({ messages: [{ role: 'user', content }] });

describe('what a client is told of an invalid request', () => {
  it.each([
    [{}, "Missing required parameter: 'messages'."],
    [
      { messages: [{ role: 'robot', content: 'x' }] },
      "Invalid value for 'messages[0].role': 'robot'. Supported values are: 'developer', 'system', 'user', 'assistant', 'tool', 'function'.",
    ],
    [user(7), "Invalid type for 'messages[0].content': expected a string or an array, but got an integer instead."],
    [user([{ type: 'image_url' }]), "Missing required parameter: 'messages[0].content[0].image_url'."],
    [{ ...user('x'), top_p: -1 }, "Invalid 'top_p': expected a value >= 0, but got -1 instead."],
    [{ ...user('x'), n: 1.5 }, "Invalid type for 'n': expected an integer, but got a decimal number instead."],
    [
      { ...user('x'), stop: true },
      "Invalid type for 'stop': expected a string or an array, but got a boolean instead.",
    ],
  ])('%j', (body, message) => expect(told(body)?.message).toBe(message));

  it('has words for whatever JSON is sent, short ones', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('messages', 'tools', 'stop', 'response_format'), (value, field) => {
        for (const body of [value, { ...user('x'), [field]: value }, user(value), { messages: [value] }]) {
          const parsed = told(body);
          if (parsed) expect(parsed.message.length).toBeLessThan(800);
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});
