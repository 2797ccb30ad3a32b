import { describe, expect, it } from 'vitest';
import { withFields } from '../../../api-worker/upstream/request-body.ts';

const set = (text: string, fields: Record<string, unknown>) => withFields(text, JSON.parse(text), fields);

describe('withFields', () => {
  it('leaves the text alone when nothing is set', () => {
    const text = ' {"model" : "a",\n"x":1e2}';
    expect(set(text, {})).toBe(text);
    expect(set(text, { models: undefined })).toBe(text);
  });

  it('leaves out what is set to nothing, and keeps the rest as it was', () => {
    expect(set('{"model":"a","models":["a","b"],"x":12345678901234567890}', { models: undefined })).toBe(
      '{"model":"a","x":12345678901234567890}',
    );
  });

  it('puts a missing field in front of the untouched text', () => {
    expect(set(' { "messages": [],"x":1.0}', { model: 'm' })).toBe(' {"model":"m", "messages": [],"x":1.0}');
  });

  it('replaces a field, and keeps the digits of numbers that JavaScript cannot hold', () => {
    const text = '{"model":"a","seed":12345678901234567890,"x":{"y":[1.10,1e400]}}';
    expect(set(text, { model: 'b' })).toBe('{"model":"b","seed":12345678901234567890,"x":{"y":[1.10,1e400]}}');
  });

  it('replaces a field that is null', () => {
    expect(JSON.parse(set('{"model":null,"a":1}', { model: 'b' }))).toEqual({ model: 'b', a: 1 });
  });
});
