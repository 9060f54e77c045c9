/** Constants that turn positions into angles: frequencies of rotary and sinusoidal embeddings. */
import type { Value } from '../../src/ir.js'
import { Node } from '../../src/ir.js'

/** Operators between a frequency and its sine. */
const LINEAR: ReadonlySet<string> = new Set(
  'Cast Concat Expand Gather Identity MatMul Mul Reshape Slice Squeeze Transpose Unsqueeze'.split(' '),
)

/**
 * Whether nothing but sines and cosines is computed from a constant whose name tells no module: an exporter folded it, and
 * calls it after its operation.
 */
export function isAngle(value: Value): boolean {
  if (value.name.includes('.') || value.uses.size === 0) return false
  const seen = new Set<Value>([value])
  for (const at of seen)
    for (const { user } of at.uses) {
      if (!(user instanceof Node)) return false
      if (user.op === 'Sin' || user.op === 'Cos') continue
      if (!LINEAR.has(user.op)) return false
      for (const output of user.outputs) seen.add(output)
    }
  return true
}
