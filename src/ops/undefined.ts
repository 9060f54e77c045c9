/** Operators that have no definition on purpose, and why: what a model is told that has one. */

import { microsoftUnsupported } from './microsoft/unsupported.js'

const BY_NAME: Readonly<Record<string, string>> = {
  ...microsoftUnsupported,
  ImageDecoder: 'no ONNX Runtime has a CPU kernel for it; decode images before the model',
}

const BY_DOMAIN: Readonly<Record<string, string>> = {
  'ai.onnx.ml':
    'operators of classical machine learning (trees, encoders, support vectors) are not trained by gradients; ' +
    'cut the model before them',
  'ai.onnx.preview': 'preview operators change from release to release; export the model without them',
  'ai.onnx.preview.training':
    'gradients and optimizers are what the compiler makes itself; give it the inference model',
}

/**
 * Why an operator has no definition.
 * @param name domain-qualified
 * @returns undefined for an operator that is just not known
 */
export function whyUndefined(name: string): string | undefined {
  const at = name.lastIndexOf('::')
  return BY_NAME[name] ?? (at < 0 ? undefined : BY_DOMAIN[name.slice(0, at)])
}

/** Every operator, and every domain (`ai.onnx.ml::*`), that has no definition on purpose, with the reason. */
export function undefinedOperators(): [name: string, reason: string][] {
  const domains = Object.entries(BY_DOMAIN).map(([domain, reason]): [string, string] => [
    `${domain}::*`,
    reason,
  ])
  return [...Object.entries(BY_NAME), ...domains]
}
