/** Which input of a model is what: by the names that exporters give them. */
import type { Manifest, TensorSpec } from '../../src/manifest.js'

/**
 * What fills an input: `tokens`, `types` and `positions` are [batch, length]; `mask` too, or [batch, 1, length, length]
 * (or without the 1) where it says which position sees which; `decoder` and `decoder-mask` are [batch, target length];
 * `labels` is an input of a model that computes its loss itself; an `array` comes from the data under the input's name.
 */
export type Role = 'tokens' | 'types' | 'positions' | 'mask' | 'decoder' | 'decoder-mask' | 'labels' | 'array'

type Inputs = Pick<Manifest, 'inputs'>

const NAMES: readonly (readonly [Role, RegExp])[] = [
  ['tokens', /^(encoder_)?(input_ids|inputs?|tokens?|idx|ids)$/],
  ['decoder', /^decoder_(input_ids|inputs?|tokens?|ids)$/],
  ['mask', /^((encoder_)?attention_|input_)?mask$/],
  ['decoder-mask', /^decoder_(attention_)?mask$/],
  ['positions', /^position(_ids|s)?$/],
  ['types', /^(token_type|segment)_ids$/],
  ['labels', /^labels$/],
]

/** The role of an input. */
export function roleOf({ name, shape, dtype }: TensorSpec, { inputs }: Inputs): Role {
  const role = NAMES.find(([, pattern]) => pattern.test(name))?.[0] ?? 'array'
  if (role === 'labels') return role
  if (role === 'mask' && (shape.length === 3 || shape.length === 4)) return role
  if (shape.length !== 2 || (/^b?float/.test(dtype) && !role.endsWith('mask'))) return 'array'
  // A decoder alone, whose exporter calls its input so.
  const alone = role.startsWith('decoder') && !inputs.some((i) => NAMES[0]![1].test(i.name))
  return alone ? (role === 'decoder' ? 'tokens' : 'mask') : role
}

/** The input of a role. */
export function inputOf(role: Role, contract: Inputs): TensorSpec | undefined {
  return contract.inputs.find((spec) => roleOf(spec, contract) === role)
}

/** Whether the model's mask can keep the examples of one row apart. */
export function masksPairs(contract: Inputs): boolean {
  return (inputOf('mask', contract)?.shape.length ?? 2) > 2
}

/** The batch size that the graph fixes, if it does. */
export function fixedBatch({ inputs }: Inputs): number | undefined {
  const dim = inputs[0]?.shape[0]
  return typeof dim === 'number' ? dim : undefined
}

/** The sequence length that the graph fixes, if it does. */
export function fixedLength(contract: Inputs, role: 'tokens' | 'decoder' = 'tokens'): number | undefined {
  const dim = inputOf(role, contract)?.shape[1]
  return typeof dim === 'number' ? dim : undefined
}

/** How many token numbers the model knows, where the graph tells. */
export function vocabulary(contract: Pick<Manifest, 'inputs' | 'loss'>): number | undefined {
  const { loss } = contract
  const predicted = loss.kind === 'causal-lm' ? loss.classes : undefined
  const limits = [inputOf('tokens', contract)?.limit, predicted].filter((n) => n !== undefined)
  return limits.length > 0 ? Math.min(...limits) : undefined
}

/** How many positions the model has, where the graph tells: rows of the table that `position_ids` or the sequence index. */
export function positionLimit(contract: Inputs & Partial<Pick<Manifest, 'parameters'>>): number | undefined {
  const table = contract.parameters?.find((p) => POSITION_TABLE.test(p.name) && p.shape.length === 2)
  const limits = [inputOf('positions', contract)?.limit, table?.shape[0]].filter((n) => n !== undefined)
  return limits.length > 0 ? Math.min(...limits) : undefined
}

/** Learned absolute positions, as the common frameworks name them. */
const POSITION_TABLE = /(^|[._])(wpe|embed_positions|position_embeddings?|pos_embed(ding)?s?)\.weight$/
