import { describe, expect, it } from 'vitest';
import { ExceptionReport, exceptionReport } from '../../../shared/exception-report.ts';

const WHERE = { worker: 'api', path: '/x', requestId: null } as const;
const report = (error: unknown) => ExceptionReport.parse(exceptionReport(error, WHERE));

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

describe('a report of an exception', () => {
  it('tells classes and places, of causes too', () => {
    class Odd extends RangeError {
      override name = 'Odd';
    }
    const { thrown } = report(new TypeError('a', { cause: new Odd('b') }));
    expect(thrown.map(({ type }) => type)).toEqual(['TypeError', 'Odd']);
    expect(thrown[0]?.frames[0]).toMatchObject({
      file: expect.stringMatching(/^(?:shared\/)?exception-report\.test\.ts$/),
    });
    expect(thrown[0]?.frames[0]?.line).toBeGreaterThan(1);
  });

  it.each([
    ['JSON.parse quotes its input', () => parsed('{"secret')],
    ['a message looks like frames', () => new Error('a\n    at secret (secret.ts:1:2)\n    at secret.ts:3:4')],
    ['a message was changed', () => Object.assign(new Error('secret\n    at secret (a.ts:1:1)'), { message: 'other' })],
    ['a name was set', () => Object.assign(new Error('x'), { name: 'secret words' })],
    ['it is no error', () => 'secret'],
    ['its cause is none', () => new Error('x', { cause: ['secret'] })],
    ['D1 quotes a value', () => new Error("D1_TYPE_ERROR: Type 'object' not supported for value 'secret'")],
  ])('quotes nothing: %s', (_, make) => {
    expect(JSON.stringify(report(make()))).not.toContain('secret');
  });

  it('keeps messages that can quote nothing', () => {
    const message = (text: string) => report(new Error(text)).thrown[0]?.message;
    expect(message('no answer within 2000 ms')).toBe('no answer within 2000 ms');
    expect(message('D1_ERROR: D1 DB is overloaded. Requests queued for too long.')).toBe('D1: overloaded');
    expect(message('the provider is overloaded')).toBe(null);
  });

  it('has an end where causes go round', () => {
    const error = new Error('x');
    error.cause = error;
    expect(report(error).thrown).toHaveLength(4);
    expect(report(undefined).thrown).toMatchObject([{ type: 'thrown undefined' }]);
  });
});
