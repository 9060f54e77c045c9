/** Examples to a batch: padding, masks, positions, labels. */
import { UsageError } from '../../src/errors.js'
import { zeros, type HostTensor } from '../../src/host-tensor.js'
import type { LabelSpec, TensorSpec } from '../../src/manifest.js'
import type { Batch } from './batch.js'
import { IGNORE, type Contract, type Example, type PackedRow } from './example.js'
import { fillMask, segmentsOf } from './mask.js'
import { fixedLength, roleOf } from './roles.js'
import { fillValues, setter, stackArrays } from './stack.js'

export interface PadOptions {
  /** Token that fills rows up; 0 by default. It counts nowhere. */
  token?: number
  /** Rows are padded to a multiple of this. */
  multiple?: number
  /** Rows are padded to this many tokens, not to the longest of the batch. */
  length?: number
  /** Packed rows: positions of an example go on where those of the one before ended, and it is seen, with `mixed`. */
  packing?: 'isolated' | 'mixed'
}

/**
 * A batch of rows [rows, length], padded on the right to the longest row, to a multiple, or to a fixed length.
 *
 * Tokens are padded with `token`, labels with the index that the loss ignores; a two-dimensional mask is 1 where a token
 * is; a mask of pairs lets a position see its own example (what precedes it there, for a causal model) and nothing else.
 * Positions start from 0 in every example.
 * @throws UsageError `padding-without-mask`; DropBPError `unsupported-data`
 */
export function collate(contract: Contract, rows: readonly PackedRow[], pad: PadOptions = {}): Batch {
  const widths: Widths = {
    tokens: width(rows, (e) => e.tokens, fixedLength(contract), pad),
    decoder: width(rows, (e) => e.decoder ?? [], fixedLength(contract, 'decoder'), pad),
  }
  checkPadding(contract, rows, widths.tokens)
  const inputs: Record<string, HostTensor> = {}
  for (const spec of contract.inputs) inputs[spec.name] = fillInput(spec, contract, rows, widths, pad)
  const { labels } = contract.loss
  return { inputs, labels: labels && fillLabels(labels, contract, rows, widths) }
}

interface Widths {
  readonly tokens: number
  readonly decoder: number
}

function fillInput(
  spec: TensorSpec,
  contract: Contract,
  rows: readonly PackedRow[],
  widths: Widths,
  pad: PadOptions,
): HostTensor {
  const role = roleOf(spec, contract)
  const shape = [rows.length, role.startsWith('decoder') ? widths.decoder : widths.tokens]
  const fill = (sequence: Sequence, padding = 0): HostTensor =>
    fillSequences(zeros(spec.dtype, shape), rows, sequence, padding)
  switch (role) {
    case 'tokens':
      return fill((e) => e.tokens, pad.token)
    case 'decoder':
      return fill((e) => e.decoder ?? [], pad.token)
    case 'types':
      return fill((e) => e.types ?? new Uint8Array(e.tokens.length))
    case 'positions':
      return fill((e, before) => Array.from(e.tokens, (_, i) => (pad.packing === 'mixed' ? before + i : i)))
    case 'decoder-mask':
      return fillMask(
        spec,
        rows.map((row) => segmentsOf(row, (e) => e.decoder ?? [], widths.decoder)),
        'causal',
      )
    case 'mask': {
      const mixed = pad.packing === 'mixed'
      const segments = rows.map((row) => segmentsOf(row, (e) => e.tokens, widths.tokens, mixed))
      return fillMask(spec, segments, contract.loss.kind === 'causal-lm' ? 'causal' : 'bidirectional')
    }
    case 'labels':
      return fillLabels(spec, contract, rows, widths)
    case 'array':
      return stackArrays(spec, rows, spec.name)
  }
}

/** A sequence of an example; `before` tells how many tokens lie before it in its row. */
type Sequence = (example: Example, before: number) => ArrayLike<number>

function fillSequences(
  tensor: HostTensor,
  rows: readonly PackedRow[],
  sequence: Sequence,
  padding = 0,
): HostTensor {
  const [, length] = tensor.shape as [number, number]
  const put = setter(tensor)
  rows.forEach((row, r) => {
    let at = 0
    for (const example of row) {
      const values = sequence(example, at)
      for (let i = 0; i < values.length; i++) put(r * length + at++, values[i]!)
    }
    if (padding !== 0) while (at < length) put(r * length + at++, padding)
  })
  return tensor
}

/** Labels of positions, of whole examples, or from the data's own array. */
function fillLabels(
  spec: TensorSpec | LabelSpec,
  { loss, inputs }: Contract,
  rows: readonly PackedRow[],
  widths: Widths,
): HostTensor {
  if (rows[0]?.[0]?.arrays?.labels) return stackArrays(spec, rows, 'labels')
  if (loss.kind === 'class' || loss.kind === 'mse' || loss.kind === 'bce') return fillValues(spec, rows)
  const ignore = 'ignoreIndex' in spec ? (spec.ignoreIndex ?? IGNORE) : IGNORE
  const decoder = inputs.some((i) => roleOf(i, { inputs }) === 'decoder')
  const tensor = zeros(spec.dtype, [rows.length, decoder ? widths.decoder : widths.tokens])
  const causal = loss.kind === 'causal-lm'
  const labels: Sequence = (e, before) => {
    const own = e.labels ?? []
    const values = Array.from({ length: own.length }, (_, i) => (own[i] === IGNORE ? ignore : own[i]!))
    // The last token of the example before does not predict the first of this one.
    if (causal && before > 0 && values.length > 0) values[0] = ignore
    return values
  }
  return fillSequences(tensor, rows, labels, ignore)
}

/** The longest row, rounded up as asked. */
function width(
  rows: readonly PackedRow[],
  sequence: (e: Example) => ArrayLike<number>,
  fixed: number | undefined,
  { multiple = 1, length }: PadOptions,
): number {
  const longest = Math.max(0, ...rows.map((row) => lengthOf(row, sequence)))
  return fixed ?? length ?? Math.ceil(longest / multiple) * multiple
}

function lengthOf(row: PackedRow, sequence: (e: Example) => ArrayLike<number>): number {
  return row.reduce((n, e) => n + sequence(e).length, 0)
}

/** Without a mask, what precedes no token may be padded: a causal model never looks at it. */
function checkPadding(contract: Contract, rows: readonly PackedRow[], length: number): void {
  if (contract.loss.kind === 'causal-lm') return
  const roles = contract.inputs.map((spec) => roleOf(spec, contract))
  if (!roles.includes('tokens') || roles.includes('mask')) return
  const short = rows.map((row) => lengthOf(row, (e) => e.tokens)).find((n) => n < length)
  if (short === undefined) return
  throw new UsageError(
    'padding-without-mask',
    `a row of ${short} tokens would be padded to ${length}, but the model takes no attention mask and would read the padding; ` +
      'use batches of one row, or export the model with an attention_mask input',
  )
}
