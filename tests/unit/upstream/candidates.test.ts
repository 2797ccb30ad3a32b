import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../../api-worker/env.ts';
import { candidatesFor, ownNames, type Requested } from '../../../api-worker/upstream/candidates.ts';
import { UpstreamModel } from '../../../api-worker/upstream/upstream-model.ts';

const DEFAULTS = {
  DEFAULT_MODEL: 'd/default',
  MODEL_ALIASES: 'fast=a/quick, smart = premium',
  FALLBACK_MODELS: 'f/one,f/two',
  TIER_PREMIUM: 'p/one,p/two',
  TIER_STANDARD: 's/one,s/two',
  TIER_BUDGET: 'b/one,b/two',
  FALL_BACK_TO_BUDGET: 'true',
  BUDGET_MAX_TOKENS: '512',
};
const envWith = (change: Partial<typeof DEFAULTS>) => ({ ...DEFAULTS, ...change }) as unknown as Env;

const listing = (ids: readonly string[], can: object = {}) => ids.map((id) => UpstreamModel.parse({ id, ...can }));
const LISTED = listing(['a/quick', 'f/one', 'f/two', 'p/one', 'p/two', 's/one', 's/two', 'b/one', 'b/two']);
const NEEDS_NOTHING = { parameters: [], modalities: [], contextTokens: 0 };

interface Asked extends Partial<Requested> {
  env?: Partial<typeof DEFAULTS>;
  listed?: readonly UpstreamModel[] | null;
}

async function candidates({ env = {}, listed = LISTED, ...asked }: Asked) {
  const requested = { model: 's/one', models: [], fallback: true, needs: NEEDS_NOTHING, ...asked };
  const { first, more, ...rest } = await candidatesFor(envWith(env), requested, async () => listed);
  return { ...rest, hasMore: more !== null, all: [...first, ...((await more?.()) ?? [])], first };
}

const models = async (asked: Asked) => (await candidates(asked)).all.map(({ model }) => model);

describe('the candidates for a tier', () => {
  it('are its models in order, and then those of the budget tier with short answers', async () => {
    expect(await candidates({ model: 'standard' })).toMatchObject({
      all: [
        { model: 's/one', maxTokens: null, makeshift: false },
        { model: 's/two', maxTokens: null, makeshift: false },
        { model: 'b/one', maxTokens: 512, makeshift: true },
        { model: 'b/two', maxTokens: 512, makeshift: true },
      ],
      hasMore: false,
      insistsOn: null,
      tier: 'standard',
    });
  });

  it('are short by default, and not by necessity, where the budget tier itself is asked for', async () => {
    expect((await candidates({ model: 'budget' })).all).toEqual([
      { model: 'b/one', maxTokens: 512, makeshift: false },
      { model: 'b/two', maxTokens: 512, makeshift: false },
    ]);
    expect((await candidates({ model: 'budget', env: { BUDGET_MAX_TOKENS: '0' } })).all[0]?.maxTokens).toBeNull();
  });

  it.each([{ env: { FALL_BACK_TO_BUDGET: 'false' } }, { env: { FALL_BACK_TO_BUDGET: '' } }, { fallback: false }])(
    'do not fall to the budget tier with %j',
    async (asked) => expect(await models({ model: 'premium', ...asked })).toEqual(['p/one', 'p/two']),
  );

  it('leave out what the upstream lists no more', async () => {
    const listed = LISTED.filter(({ id }) => id !== 's/one' && id !== 'b/two');
    expect(await models({ model: 'standard', listed })).toEqual(['s/two', 'b/one']);
  });

  it('leave out what cannot serve the request', async () => {
    const able = listing(['s/two', 'b/one'], { supported_parameters: ['tools'] });
    const unable = listing(['s/one', 'b/two'], { supported_parameters: ['seed'] });
    const needs = { ...NEEDS_NOTHING, parameters: [['tools']] };
    expect(await models({ model: 'standard', listed: [...able, ...unable], needs })).toEqual(['s/two', 'b/one']);
  });

  it('are all of them while the upstream’s list is not to be had', async () => {
    const needs = { parameters: [['tools']], modalities: ['audio'], contextTokens: 1e9 };
    expect(await models({ model: 'standard', listed: null, needs })).toEqual(['s/one', 's/two', 'b/one', 'b/two']);
  });

  it('are those of the tier that an alias stands for', async () => {
    expect(await candidates({ model: 'smart' })).toEqual(await candidates({ model: 'premium' }));
  });

  it('are each tried once, with the answers of the tier that was asked for', async () => {
    const { all } = await candidates({ model: 'standard', env: { TIER_BUDGET: 's/two,b/one' } });
    expect(all.filter(({ model }) => model === 's/two')).toEqual([
      { model: 's/two', maxTokens: null, makeshift: false },
    ]);
    expect(all).toHaveLength(3);
  });
});

describe('the candidates for a model', () => {
  it('are the model and then FALLBACK_MODELS, of which it is insisted on the model', async () => {
    expect(await candidates({ model: 'x/named' })).toMatchObject({
      first: [{ model: 'x/named', maxTokens: null, makeshift: false }],
      all: [{ model: 'x/named' }, { model: 'f/one' }, { model: 'f/two' }],
      insistsOn: 'x/named',
      tier: null,
    });
  });

  it('begin with the model that was named, whatever the list says of it', async () => {
    const listed = listing(['x/unable', 'f/one'], { context_length: 10 });
    const needs = { ...NEEDS_NOTHING, contextTokens: 11 };
    expect(await models({ model: 'x/unable', listed, needs })).toEqual(['x/unable']);
    expect(await models({ model: 'x/unlisted', listed: [] })).toEqual(['x/unlisted']);
  });

  it('need no list before the first has failed', async () => {
    const requested = { model: 'x/named', models: [], fallback: true, needs: NEEDS_NOTHING };
    let asked = 0;
    const { more } = await candidatesFor(envWith({}), requested, async () => {
      asked += 1;
      return LISTED;
    });
    expect(asked).toBe(0);
    await more?.();
    expect(asked).toBe(1);
  });

  it('are the model that an alias stands for, and insist on that', async () => {
    expect(await candidates({ model: 'fast' })).toMatchObject({ first: [{ model: 'a/quick' }], insistsOn: 'a/quick' });
  });

  it('are all FALLBACK_MODELS while the upstream’s list is not to be had, else those that can serve', async () => {
    const needs = { ...NEEDS_NOTHING, modalities: ['image'] };
    const listed = [
      ...listing(['f/one'], { architecture: { input_modalities: ['text'] } }),
      ...listing(['f/two'], { architecture: { input_modalities: ['text', 'image'] } }),
    ];
    expect(await models({ listed, needs })).toEqual(['s/one', 'f/two']);
    expect(await models({ listed: listing(['f/two']) })).toEqual(['s/one', 'f/two']);
    expect(await models({ listed: null, needs })).toEqual(['s/one', 'f/one', 'f/two']);
  });

  it.each([{ fallback: false }, { env: { FALLBACK_MODELS: '' } }])('are it alone with %j', async (asked) => {
    expect(await candidates(asked)).toMatchObject({ all: [{ model: 's/one' }], hasMore: false, insistsOn: 's/one' });
  });

  it('do not name twice what is a fallback of itself', async () => {
    expect(await models({ model: 'f/one' })).toEqual(['f/one', 'f/two']);
  });
});

describe('the candidates for a list of models', () => {
  it('are those of the list and no fallback, and insist on none', async () => {
    const asked = { model: 'x/named', models: ['fast', 'y/other'] };
    const expected = ['x/named', 'a/quick', 'y/other'];
    expect(await candidates(asked)).toMatchObject({ first: [{ model: 'x/named' }], insistsOn: null, tier: null });
    expect(await models(asked)).toEqual(expected);
    expect(await models({ ...asked, fallback: false })).toEqual(expected);
  });

  it('leave out, after the first, what cannot serve the request', async () => {
    const listed = listing(['x/named', 'y/other'], { context_length: 10 });
    const needs = { ...NEEDS_NOTHING, contextTokens: 11 };
    expect(await models({ model: 'x/named', models: ['y/other', 'z/unlisted'], listed, needs })).toEqual([
      'x/named',
      'z/unlisted',
    ]);
  });

  it('have the models of a tier in its place', async () => {
    const asked = { model: 'x/named', models: ['budget', 'smart'] };
    expect(await models(asked)).toEqual(['x/named', 'b/one', 'b/two', 'p/one', 'p/two']);
    expect((await candidates(asked)).all[1]).toEqual({ model: 'b/one', maxTokens: 512, makeshift: false });
  });

  it('are each tried once', async () => {
    expect(await models({ model: 'x/named', models: ['x/named', 'y/other', 'y/other'] })).toEqual([
      'x/named',
      'y/other',
    ]);
  });
});

describe('in every configuration', () => {
  const NAMES = ['a/one', 'a/two', 'b/one', 'b/one:nitro', 'premium', 'standard', 'budget', 'x', 'y'];
  const names = fc.array(fc.constantFrom(...NAMES), { maxLength: 4 });
  const variable = names.map((list) => list.join(', '));
  const configuration = fc.record({
    DEFAULT_MODEL: fc.constantFrom(...NAMES),
    MODEL_ALIASES: fc.dictionary(fc.constantFrom('x', 'y', 'a/one'), fc.constantFrom(...NAMES)).map((aliases) =>
      Object.entries(aliases)
        .map(([alias, target]) => `${alias}=${target}`)
        .join(),
    ),
    FALLBACK_MODELS: variable,
    TIER_PREMIUM: variable,
    TIER_STANDARD: variable,
    TIER_BUDGET: variable,
    FALL_BACK_TO_BUDGET: fc.constantFrom('true', 'false'),
    BUDGET_MAX_TOKENS: fc.constantFrom('0', '512'),
  });
  const requests = fc.record({ model: fc.constantFrom(...NAMES), models: names, fallback: fc.boolean() });
  const lists = fc.option(fc.subarray(NAMES.filter((name) => name.includes('/'))));

  /** What the client names, as it is, by its alias or as a tier; and what may stand in for it where it lets it. */
  function allowed(env: typeof DEFAULTS, { model, models: others, fallback }: Omit<Requested, 'needs'>): string[] {
    const own = ownNames(envWith(env));
    const named = [model ?? [], ...others].flat().flatMap((name) => own.get(name) ?? [name]);
    return fallback ? [...named, ...`${env.FALLBACK_MODELS},${env.TIER_BUDGET}`.split(/, ?/)] : named;
  }

  it('no one is tried twice, or whom neither the client nor the operator named, and asking again changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(configuration, requests, lists, async (env, request, ids) => {
        const listed = ids && listing(ids);
        const tried = await models({ env, ...request, listed });
        expect(allowed(env, request)).toEqual(expect.arrayContaining(tried));
        expect(tried, 'each once').toHaveLength(new Set(tried).size);
        const { more } = await candidatesFor(envWith(env), { ...request, needs: NEEDS_NOTHING }, async () => listed);
        expect(await more?.()).toEqual(await more?.());
      }),
      { seed: 1, numRuns: 2_000 },
    );
  });
});

describe('a request that names no model', () => {
  it('is the default model’s, which may leave it to the next one', async () => {
    const env = { DEFAULT_MODEL: 'd/default' };
    expect(await candidates({ env, model: null })).toMatchObject({
      all: [{ model: 'd/default' }, { model: 'f/one' }, { model: 'f/two' }],
      insistsOn: null,
    });
    expect(await models({ env, model: null, models: ['a/one'] })).toEqual(['a/one']);
    expect(await models({ env: { DEFAULT_MODEL: 'premium' }, model: null })).toEqual([
      'p/one',
      'p/two',
      'b/one',
      'b/two',
    ]);
  });
});

describe('the order of candidates', () => {
  it('is that of the first mention', async () => {
    expect(await models({ model: 'a/one', models: ['b/two', 'a/one', 'b/two'] })).toEqual(['a/one', 'b/two']);
    expect(await models({ model: 'standard', env: { TIER_BUDGET: 's/two,b/one,s/one' } })).toEqual([
      's/one',
      's/two',
      'b/one',
    ]);
  });

  it('leaves out what is gone from a tier that stands in a list, and adds no budget tier to it', async () => {
    const env = { TIER_STANDARD: 'x/retired,s/two' };
    expect(await models({ env, model: 'm/named', models: ['standard', 'n/named'] })).toEqual([
      'm/named',
      's/two',
      'n/named',
    ]);
    expect(await models({ env, model: 'standard', models: ['n/named'] })).toEqual(['s/two', 'n/named']);
  });
});

describe('ownNames', () => {
  it('are the tiers and the aliases, each with the models behind it', () => {
    expect([...ownNames(envWith({}))]).toEqual([
      ['premium', ['p/one', 'p/two']],
      ['standard', ['s/one', 's/two']],
      ['budget', ['b/one', 'b/two']],
      ['fast', ['a/quick']],
      ['smart', ['p/one', 'p/two']],
    ]);
  });
});
