/** Attention and its gradient. The name of a function says which operands it has and how heads share keys. */
import type { Node } from '../../src/ir.js'
import { ATTENTION, ATTENTION_GRAD, type Blind } from '../../src/ops/attention/attention.js'
import { f32, isF32, type KernelFolder, type KernelFunction } from '../kernel.js'

/** One form of attention. */
interface Form {
  /** Several heads share the keys of a group. */
  readonly grouped: boolean
  readonly mask: 'none' | 'full' | 'causal'
  /** What becomes of queries that see no key; `none` where there are no such. */
  readonly blind: Blind | 'none'
}

const MASKS = { none: '', full: 'Masked', causal: 'Causal' }
const BLINDS = { none: '', zero: 'Zero', uniform: 'Uniform' }

const FORMS: readonly Form[] = [false, true].flatMap((grouped) => [
  { grouped, mask: 'none' as const, blind: 'none' as const },
  ...(['full', 'causal'] as const).flatMap((mask) =>
    (['none', 'zero', 'uniform'] as const).map((blind) => ({ grouped, mask, blind })),
  ),
])

/** The form of a node's attention, where a function has it. */
function formOf(node: Node): Form | undefined {
  const [q, k, v, mask, visible] = [0, 1, 2, 3, 4].map((i) => node.inputs[i])
  if (![q, k, v].every((x) => isF32(x, 4))) return undefined
  const [qs, ks] = [q!.type!.shape!, k!.type!.shape!]
  if (![v!.type!.shape![0], ks[0]].every((d) => d!.equals(qs[0]!))) return undefined
  const isCausal = node.int('causal', 0) === 1
  if (isCausal && (!mask || !ks[2]!.equals(qs[2]!))) return undefined
  // as long as queries and keys: functions over masks of one row would need forms of their own
  const lengths = [ks[2]!, qs[2]!]
  if (mask && !(isF32(mask) && lengths.every((d, i) => mask.type!.shape!.at(-1 - i)?.equals(d))))
    return undefined
  if (visible && !mask) return undefined
  return {
    grouped: !ks[1]!.equals(qs[1]!),
    mask: !mask ? 'none' : isCausal ? 'causal' : 'full',
    blind: visible ? (node.string('blind', 'zero') as Blind) : 'none',
  }
}

function functionOf(form: Form, isGradient: boolean): KernelFunction {
  const [heads, groups, keys] = ['h', form.grouped ? 'g' : 'h', form.mask === 'causal' ? 's' : 't']
  const y = f32('b', heads, 's', 'e')
  const optional = [
    form.mask === 'none' ? null : f32('m', 'n', 's', keys),
    form.blind === 'none' ? null : f32('m', 1, 's', 1),
  ]
  const inputs = [
    f32('b', heads, 's', 'd'),
    f32('b', groups, keys, 'd'),
    f32('b', groups, keys, 'e'),
    ...optional,
  ]
  return {
    name: `Attention${form.grouped ? 'Grouped' : ''}${MASKS[form.mask]}${BLINDS[form.blind]}${isGradient ? 'Grad' : ''}_f32_v1`,
    op: isGradient ? ATTENTION_GRAD : ATTENTION,
    sample: {
      inputs: isGradient ? [...inputs, y, y] : inputs,
      attributes: {
        ...(form.mask === 'causal' && { causal: 1 }),
        ...(form.blind !== 'none' && { blind: form.blind }),
      },
    },
    outputs: isGradient ? 3 : 1,
    attributes: { scale: 'float' },
    accepts: (node) => {
      const own = formOf(node)
      const isMaskTrained = isGradient && (node.outputs[3]?.uses.size ?? 0) > 0
      return (
        !!own &&
        !isMaskTrained &&
        own.grouped === form.grouped &&
        own.mask === form.mask &&
        own.blind === form.blind
      )
    },
  }
}

export const attentionKernels: KernelFolder = {
  operators: {},
  overrides: {},
  functions: FORMS.flatMap((form) => [functionOf(form, false), functionOf(form, true)]),
}
