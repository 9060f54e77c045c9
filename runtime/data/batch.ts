/** Batches: what one pass through a graph is fed, and what can be checked of it beforehand. */
import { DropBPError, UsageError } from '../../src/errors.js'
import { parseExpr } from '../../src/expr.js'
import type { LabelSpec, Manifest, TensorSpec } from '../../src/manifest.js'
import { elementAt, type HostTensor } from '../../src/host-tensor.js'

/** Feeds of one pass: the model's inputs, and labels unless an output is itself the loss. */
export interface Batch {
  readonly inputs: Readonly<Record<string, HostTensor>>
  readonly labels: HostTensor | null
}

/** Values of the manifest's symbolic dimensions. */
export type Dims = Readonly<Record<string, number>>

type Contract = Pick<Manifest, 'inputs' | 'loss'>

/** The feeds of a batch by input name. */
export function batchFeeds({ loss }: Contract, batch: Batch): Record<string, HostTensor> {
  return { ...batch.inputs, ...(loss.labels && batch.labels ? { [loss.labels.name]: batch.labels } : {}) }
}

/**
 * Checks a batch against the manifest and returns the dimensions it has.
 * @throws UsageError `missing-input`, `input-type`, `input-shape`; DropBPError `token-out-of-range`, `label-out-of-range`
 */
export function checkBatch(manifest: Contract, batch: Batch): Dims {
  const dims: Record<string, number> = {}
  for (const spec of manifest.inputs) {
    const tensor = batch.inputs[spec.name]
    if (!tensor) throw new UsageError('missing-input', `the batch has no input "${spec.name}"`)
    checkType(spec, tensor, dims)
    if (spec.limit !== undefined) checkRange('token-out-of-range', spec, tensor, spec.limit)
  }
  const { labels, classes } = manifest.loss
  if (!labels) return dims
  if (!batch.labels) throw new UsageError('missing-input', `the batch has no labels ("${labels.name}")`)
  checkType(labels, batch.labels, dims)
  const limit = classes ?? labels.limit
  if (limit !== undefined && labels.dtype.startsWith('int')) {
    checkRange('label-out-of-range', labels, batch.labels, limit, labels.ignoreIndex)
  }
  return dims
}

/** How many labels of a batch count for its loss: what micro-batches are weighted by. */
export function countedLabels({ loss }: Contract, batch: Batch): number {
  const labels = batch.labels
  if (!labels || !loss.labels) return firstInput(batch).shape[0] ?? 1
  const ignore = loss.labels.ignoreIndex
  const width = labels.shape.at(-1) ?? 1
  let counted = 0
  for (let i = loss.kind === 'causal-lm' ? 1 : 0; i < labels.data.length; i++) {
    // A causal model predicts the next token: the first label of a row is nobody's target.
    if (loss.kind === 'causal-lm' && i % width === 0) continue
    if (elementAt(labels, i) !== ignore) counted++
  }
  return counted
}

/** Elements of the first input: the tokens of a language model. */
export function countedTokens(batch: Batch): number {
  return firstInput(batch).data.length
}

function firstInput(batch: Batch): HostTensor {
  return Object.values(batch.inputs)[0]!
}

function checkType(spec: TensorSpec | LabelSpec, tensor: HostTensor, dims: Record<string, number>): void {
  if (tensor.dtype !== spec.dtype) {
    throw new UsageError(
      'input-type',
      `input "${spec.name}" is ${tensor.dtype}, the model takes ${spec.dtype}`,
    )
  }
  const got = `[${tensor.shape.join(', ')}]`
  const wrong = (): UsageError =>
    new UsageError(
      'input-shape',
      `input "${spec.name}" has shape ${got}, the model takes [${spec.shape.join(', ')}]${known(dims)}`,
    )
  if (tensor.shape.length !== spec.shape.length) throw wrong()
  spec.shape.forEach((dim, axis) => {
    const size = tensor.shape[axis]!
    const expected = typeof dim === 'number' ? dim : valueOf(dim, dims)
    if (expected === undefined) dims[dim as string] = size
    else if (expected !== size) throw wrong()
  })
}

/** The value of a dimension expression, undefined while a symbol of it has none. */
function valueOf(dim: string, dims: Dims): number | undefined {
  if (Object.hasOwn(dims, dim)) return dims[dim]
  const expr = parseExpr(dim)
  return [...expr.atoms()].every((atom) => Object.hasOwn(dims, atom)) ? expr.evaluate(dims) : undefined
}

function known(dims: Dims): string {
  const entries = Object.entries(dims).map(([name, n]) => `${name} = ${n}`)
  return entries.length > 0 ? ` where ${entries.join(', ')}` : ''
}

function checkRange(
  code: string,
  spec: TensorSpec,
  tensor: HostTensor,
  limit: number,
  ignore?: number,
): void {
  for (let i = 0; i < tensor.data.length; i++) {
    const value = elementAt(tensor, i)
    if (value === ignore || (value >= 0 && value < limit)) continue
    throw new DropBPError(
      code,
      `"${spec.name}" at [${indexOf(i, tensor.shape)}] is ${value}; the model knows 0 to ${limit - 1}` +
        (ignore === undefined ? '' : ` and ${ignore}, which is ignored`),
    )
  }
}

function indexOf(flat: number, shape: readonly number[]): string {
  const index: number[] = []
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index.unshift(flat % shape[axis]!)
    flat = Math.floor(flat / shape[axis]!)
  }
  return index.join(', ')
}
