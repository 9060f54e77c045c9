/** Which of the manifest's parameters is which of PyTorch's. */
import type ort from 'onnxruntime-node'
import { loadModel, type Manifest, type ParameterSpec } from '../../../src/index.js'
import type { Tensors } from './check.js'
import { relativeError, sizeOf, TOLERANCE, transposed } from './compare.js'
import { plain, type Findings } from './inspect.js'

/** PyTorch's names by the manifest's, where they differ. */
export type Pairs = ReadonlyMap<string, string>

interface Pairing {
  manifest: Manifest
  /** PyTorch's gradients with all branches kept. */
  gradients: Tensors
  results: ort.InferenceSession.ReturnType
  /** The exported model. */
  source: string
  isTool: boolean
  /** Parameters of which the exporter may have left constants. */
  folded: readonly string[]
}

/**
 * Every parameter has to have PyTorch's name, but for two cases, which are remarked on: the exported file does not contain
 * it (a table cut to a fixed length), or a tool, or the exporter folding it into another constant, dropped its name; then
 * it is known by its gradient.
 */
export function pairParameters(pairing: Pairing, findings: Findings): Pairs {
  const { manifest, gradients, results, isTool } = pairing
  const pairs = new Map<string, string>()
  const trained = manifest.parameters.filter((p) => p.trainable)
  const names = new Set(trained.map((p) => plain(p.name)))
  const spare = trained.filter((p) => !gradients.has(plain(p.name)))
  const missing = [...gradients.keys()].filter((name) => !names.has(name))
  const lost: string[] = []
  for (const name of missing) {
    const match =
      isTool || pairing.folded.includes(name)
        ? spare.find((p) => !pairs.has(p.name) && fits(p, name, gradients, results))
        : undefined
    if (match) pairs.set(match.name, name)
    else lost.push(name)
  }
  const isFolded = lost.length > 0 ? lackedBy(pairing.source, gradients) : () => false
  const folded = lost.filter((name) => isFolded(name) || pairing.folded.includes(name))
  if (folded.length > 0) findings.remarks.push(`not in the exported file: ${folded.join(', ')}`)
  if (pairs.size > 0)
    findings.remarks.push(
      `names that the ${isTool ? 'tool' : 'exporter'} dropped: ${[...pairs.values()].join(', ')}`,
    )
  report(
    findings,
    'not found',
    lost.filter((name) => !folded.includes(name)),
  )
  report(
    findings,
    'trained, but not by PyTorch',
    spare.map((p) => p.name).filter((name) => !pairs.has(name)),
  )
  findings.named = { expected: gradients.size, found: gradients.size - missing.length }
  return pairs
}

function report({ problems }: Findings, what: string, names: readonly string[]): void {
  if (names.length > 0)
    problems.push(`${what}: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`)
}

function fits(p: ParameterSpec, name: string, gradients: Tensors, results: Pairing['results']): boolean {
  const wanted = gradients.get(name)!
  const got = results[p.gradient!]!.data as Float32Array
  return relativeError(got, p.source?.transposed ? transposed(wanted) : wanted.data, 0) < TOLERANCE
}

/** Tells of a parameter whether a file has fewer initializers of its size than the network has parameters. */
function lackedBy(file: string, gradients: Tensors): (name: string) => boolean {
  const present = [...loadModel(file).graph.initializers].map((value) => value.data!.size)
  const wanted = [...gradients.values()].map(sizeOf)
  return (name) => {
    const isSize = (size: number) => size === sizeOf(gradients.get(name)!)
    return present.filter(isSize).length < wanted.filter(isSize).length
  }
}
