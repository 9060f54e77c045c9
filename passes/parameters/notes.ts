/** What an export leaves out of a model's parameters, for the report. */
import type { Graph, Value } from '../../src/ir.js'
import { mayBeParameter } from '../canonical/constants.js'
import type { Parameter } from '../pass.js'
import { placeholders } from '../scopes.js'
import { isSinusoidal, isUniform } from './data.js'
import type { Spelling } from './spelling.js'

/** Parameters that the source has and the file has not. */
export function lostParameters(graph: Graph, spelling: Spelling, parameters: readonly Parameter[]): string[] {
  const names = new Set(parameters.map((p) => p.name))
  const notes = [...foldedLookups(graph), ...foldedWeights(graph, new Set(parameters.map((p) => p.value)))]
  const biases = droppedBiases(graph, spelling).filter((name) => !names.has(name))
  if (biases.length > 0)
    notes.push(`the exporter dropped biases of zeros, which stay zero: ${biases.join(', ')}`)
  return notes
}

/** Tables of which the exporter kept only the rows that a fixed length reads, as constants. */
function foldedLookups(graph: Graph): string[] {
  return [...graph.initializers]
    .filter((v) => mayBeParameter(v) && /^embedding(_\d+)?$/.test(v.name))
    .map(
      ({ name }) =>
        `${name} is an embedding that the exporter folded into a constant, and is not trained; export with a dynamic length to train it`,
    )
}

/**
 * TorchScript writes constants as nodes: what it keeps as an unnamed initializer it computed from weights. So did the dynamo
 * exporter with tensors of its own folding that are no tables of angles.
 */
function foldedWeights(graph: Graph, parameters: ReadonlySet<Value>): string[] {
  const found = [...graph.initializers]
    .filter((v) => mayBeParameter(v) && isComputed(v) && !parameters.has(v))
    .map((v) => v.name)
  if (found.length === 0) return []
  return [
    `the exporter computed ${found.join(', ')} from weights that it does not name; they are not trained`,
  ]
}

function isComputed({ name, data }: Value): boolean {
  if (name.startsWith('onnx::')) return true
  return /^val_\d+$/.test(name) && data!.shape.length > 1 && !isUniform(data!) && !isSinusoidal(data!)
}

/** Biases that a traced call names and its product does not read. */
function droppedBiases(graph: Graph, spelling: Spelling): string[] {
  const names = new Set<string>()
  for (const node of graph.nodes) {
    if (!/^(Gemm|Conv|ConvTranspose)$/.test(node.op) || node.inputs[2]) continue
    for (const { kind, name } of placeholders(node) ?? []) {
      if (kind === 'parameter' && name.endsWith('bias')) names.add(spelling.restore(name))
    }
  }
  return [...names]
}
