/** Attention masks of padded and packed rows. */
import { zeros, type HostTensor } from '../../src/host-tensor.js'
import type { TensorSpec } from '../../src/manifest.js'
import type { Example, PackedRow } from './example.js'

/** For every position of a row the number of the example that it belongs to, from 1; 0 for padding. */
export type Segments = Uint32Array

/**
 * The segments [length] of a row.
 * @param mixed makes one segment of all examples
 */
export function segmentsOf(
  row: PackedRow,
  sequence: (e: Example) => ArrayLike<number>,
  length: number,
  mixed = false,
): Segments {
  const segments = new Uint32Array(length)
  let at = 0
  row.forEach((example, i) => {
    const { length: own } = sequence(example)
    segments.fill(mixed ? 1 : i + 1, at, at + own)
    at += own
  })
  return segments
}

/**
 * A mask tensor: [rows, length] with 1 where a token is; or [rows, 1, length, length] (or without the 1), in which a
 * position sees the positions of its own segment, up to itself where attention is causal. Masks of float type are added
 * to the scores: 0 where it sees, the type's lowest number elsewhere; others are 1 and 0. A padding position sees itself, so that no
 * softmax is without a term.
 */
export function fillMask(
  spec: TensorSpec,
  rows: readonly Segments[],
  attention: 'causal' | 'bidirectional',
): HostTensor {
  const length = rows[0]?.length ?? 0
  if (spec.shape.length === 2) {
    const mask = zeros(spec.dtype, [rows.length, length])
    const one = ones(spec.dtype)
    rows.forEach((row, r) => row.forEach((segment, i) => segment > 0 && (mask.data[r * length + i] = one)))
    return mask
  }
  const heads = spec.shape.length === 4 ? [1] : []
  const mask = zeros(spec.dtype, [rows.length, ...heads, length, length])
  const [seen, unseen] = pairValues(spec.dtype)
  mask.data.fill(unseen as never)
  rows.forEach((row, r) => {
    for (let q = 0; q < length; q++) {
      for (let k = 0; k < length; k++) {
        const sees = row[q]! > 0 ? row[k] === row[q] && (attention === 'bidirectional' || k <= q) : k === q
        if (sees) mask.data[(r * length + q) * length + k] = seen
      }
    }
  })
  return mask
}

/** 1 as an element of a type; halves are held as their bits. */
function ones(dtype: string): number | bigint {
  if (dtype === 'float16') return 0x3c00
  if (dtype === 'bfloat16') return 0x3f80
  return dtype.endsWith('int64') ? 1n : 1
}

/** What stands for "sees" and "does not see" in a mask of pairs; halves are held as their bits. */
function pairValues(dtype: string): [seen: number | bigint, unseen: number | bigint] {
  if (dtype === 'float16') return [0, 0xfbff]
  if (dtype === 'bfloat16') return [0, 0xff7f]
  if (dtype === 'float32') return [0, -3.4028234663852886e38]
  if (dtype === 'float64') return [0, -Number.MAX_VALUE]
  return dtype.endsWith('int64') ? [1n, 0n] : [1, 0]
}
