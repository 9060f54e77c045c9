/** Choosing among a model's outputs. */
import { CompileError } from '../../src/errors.js'
import type { Graph, Value } from '../../src/ir.js'
import { formatType, isFloat } from '../../src/types.js'

/** Names of what a model without a head puts out: features, not predictions. */
const FEATURES = /(hidden|pooler|pooled|features|embed(s|dings?)?$|encoder_|present|past_key|attentions?)/i

/** Every output with its type, for messages. */
export function listOutputs(graph: Graph): string {
  return graph.outputs.map((v) => `"${v.name}" ${formatType(v.type)}`).join(', ')
}

/** The output of this name. */
export function namedOutput(graph: Graph, name: string): Value {
  const found = graph.outputs.find((v) => v.name === name)
  if (found) return found
  throw new CompileError(
    'loss-output-missing',
    `the model has no output "${name}"; its outputs are ${listOutputs(graph)}`,
  )
}

/**
 * The output to compute the loss from: the one called logits; else the only float output that is not called like features.
 * @throws CompileError `no-logits`, `ambiguous-output`
 */
export function pickOutput(graph: Graph): Value {
  const floats = graph.outputs.filter((v) => isFloat(v.type?.dtype) && v.type?.shape?.length !== 0)
  const named = floats.filter((v) => /logits$/i.test(v.name))
  const candidates = named.length > 0 ? named : floats.filter((v) => !FEATURES.test(v.name))
  if (candidates.length === 1) return candidates[0]!
  if (candidates.length === 0) {
    throw new CompileError(
      'no-logits',
      `no output looks like predictions: the outputs are ${listOutputs(graph)}. Export the model with its head ` +
        '(AutoModelForCausalLM, AutoModelForSequenceClassification, …), or name the output that the loss is computed from',
    )
  }
  throw new CompileError(
    'ambiguous-output',
    `the loss could be computed from ${candidates.map((v) => `"${v.name}"`).join(' or ')}; name one of them, as in ` +
      `--loss class:${candidates[0]!.name}, or, where one is the loss itself, say --loss output:<name>. Outputs: ${listOutputs(graph)}`,
  )
}
