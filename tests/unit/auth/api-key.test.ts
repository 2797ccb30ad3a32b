import { describe, expect, it } from 'vitest';
import { crc32, isMistyped, keyPrefix, mintKey } from '../../../api-worker/auth/api-key.ts';

describe('API keys', () => {
  it('are 256 random bits and a checksum, in letters and digits', () => {
    const keys = new Set(Array.from({ length: 1_000 }, mintKey));
    expect(keys.size).toBe(1_000);
    for (const key of keys) {
      expect(key).toMatch(/^sk-wm-[0-9A-Za-z]{49}$/);
      expect(isMistyped(key)).toBe(false);
    }
  });

  it('do not survive a typo: any one character changed, any two neighbours swapped, anything cut off', () => {
    const key = mintKey();
    for (let n = 'sk-wm-'.length; n < key.length; n += 1) {
      const other = key[n] === 'x' ? 'y' : 'x';
      expect(isMistyped(key.slice(0, n) + other + key.slice(n + 1)), `character ${n}`).toBe(true);
      expect(isMistyped(key.slice(0, n)), `first ${n} characters`).toBe(true);
      if (key[n] !== key[n + 1] && n + 1 < key.length) {
        expect(isMistyped(`${key.slice(0, n)}${key[n + 1]}${key[n]}${key.slice(n + 2)}`), `swapped at ${n}`).toBe(true);
      }
    }
  });

  it('of other issuers are left to be looked up', () => {
    expect(isMistyped('sk-local-development')).toBe(false);
  });

  it('are known by a beginning that leaves 220 bits unknown', () => {
    expect(keyPrefix('sk-wm-ABCDEFGHIJ')).toBe('sk-wm-ABCDEF');
  });

  it('have the CRC-32 that everyone computes', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });
});
