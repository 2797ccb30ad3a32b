import type { UpstreamModel } from './upstream-model.ts';

/** What a request asks of whoever answers it. */
export interface Needs {
  /** Names in the model list's `supported_parameters`, each with those that do as well. */
  parameters: readonly (readonly string[])[];
  /** Beside text: `image`, `audio`, `file`. */
  modalities: readonly string[];
  /** Prompt and answer: fewer tokens than it will take, so that no model is excluded that could do. */
  contextTokens: number;
}

/** Whether a model can serve them, as far as the list tells: what it does not tell is taken for granted. */
export function canServe(model: UpstreamModel | null, needs: Needs): boolean {
  if (!model) return true;
  const { supported_parameters: parameters, architecture, context_length } = model;
  return (
    needs.parameters.every((names) => !parameters || names.some((name) => parameters.includes(name))) &&
    needs.modalities.every((modality) => architecture?.input_modalities?.includes(modality) ?? true) &&
    needs.contextTokens <= (context_length ?? Number.POSITIVE_INFINITY)
  );
}
