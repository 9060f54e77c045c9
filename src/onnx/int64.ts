/** int64 at the protobuf boundary: numbers inside, checked on the way in. */
import Long from 'long'
import { CompileError } from '../errors.js'
import type { Int64 } from './messages.js'

/**
 * An int64 that must be exact (a dimension, a version, an offset).
 * @throws CompileError `int64-range` beyond ±2^53
 */
export function exactInt(value: Int64, what: string): number {
  const n = typeof value === 'number' ? value : value.toNumber()
  if (Number.isSafeInteger(n)) return n
  throw new CompileError('int64-range', `${what} is ${String(value)}, beyond ±2^53: the file is damaged`)
}

/** An int64 as a number; beyond ±2^53 (the "no limit" of a slice) it saturates there, as tensor data does. */
export function saturatingInt(value: Int64): number {
  const n = typeof value === 'number' ? value : value.toNumber()
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, n))
}

/** The int64 of a number; ±2^53 and beyond are the type's limits. */
export function toInt64(n: number): Int64 {
  if (n >= Number.MAX_SAFE_INTEGER) return Long.MAX_VALUE
  if (n <= -Number.MAX_SAFE_INTEGER) return Long.MAX_VALUE.negate()
  return n
}
