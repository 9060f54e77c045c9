/** The masks of an attention, brought into the form that com.dropbp::Attention takes, once for all layers that share them. */
import type { Builder } from '../../src/builder.js'
import type { Value } from '../../src/ir.js'
import type { Blind } from '../../src/ops/attention/attention.js'
import type { DType } from '../../src/types.js'
import { not, type Predicate } from '../masks/predicate.js'
import { predicateOf, twoValued } from '../masks/two-valued.js'
import { made, number } from './match.js'
import { Unlike } from './pattern.js'

/** What was done to the scores. */
export type MaskTerm =
  /** scores + value */
  | { readonly kind: 'added'; readonly value: Value }
  /** scores where `condition` is (or, with `hides`, is not) true, `fill` elsewhere */
  | { readonly kind: 'chosen'; readonly condition: Value; readonly hides: boolean; readonly fill: number }

/** What the composite reads. */
export interface AttentionMask {
  readonly mask?: Value
  readonly visible?: Value
  readonly causal: boolean
  readonly blind?: Blind
}

/** A query that sees no key gives equal weight to all, when hidden scores are so low that they swallow any score. */
const SWALLOWS = -1e30
/** The highest score of a key that counts as hidden. */
const HIDES = -1e4

/** What a term hides, where that is known: which keys are visible, and with what score the others are hidden. */
interface Hiding {
  readonly visible: Predicate
  readonly hidden: number
  /** A bool tensor to tell visible keys by. */
  readonly condition?: Value
  readonly hides: boolean
}

/** Makes masks and remembers them. */
export class AttentionMasks {
  private readonly known = new Map<string, AttentionMask | Unlike>()
  private readonly ids = new Map<Value, number>()

  /**
   * @param guarded whether a row of NaN, of a query that sees no key, is replaced by zeros
   * @param dtype element type of the scores
   */
  make(b: Builder, terms: readonly MaskTerm[], guarded: boolean, dtype: DType): AttentionMask | Unlike {
    const key = `${dtype} ${guarded} ${terms.map((t) => this.key(t)).join()}`
    const old = this.known.get(key)
    if (old) return old
    const made = build(b, terms, guarded, dtype)
    this.known.set(key, made)
    return made
  }

  private key(term: MaskTerm): string {
    if (term.kind === 'added') return `+${this.id(term.value)}`
    return `${term.hides ? '!' : '?'}${this.id(term.condition)}:${term.fill}`
  }

  private id(v: Value): number {
    if (!this.ids.has(v)) this.ids.set(v, this.ids.size)
    return this.ids.get(v)!
  }
}

function build(
  b: Builder,
  terms: readonly MaskTerm[],
  guarded: boolean,
  dtype: DType,
): AttentionMask | Unlike {
  const hidings = terms.map(hidingOf)
  const left = terms
    .map((term, i) => ({ term, hiding: hidings[i] }))
    .filter(({ hiding }) => hiding?.visible !== 'all')
  if (left.length === 0) return { causal: false }
  const [first] = left
  if (left.length === 1 && first!.hiding) return known(b, first!.term, first!.hiding, guarded, dtype)
  const exact = left.every(({ hiding }) => !hiding || hiding.hidden <= SWALLOWS)
  if (!exact && left.some(({ term }) => term.kind === 'chosen'))
    return new Unlike('several masks, and one of them replaces scores by a number that is not low enough')
  return unknown(
    b,
    left.map(({ term }) => term),
    guarded,
    dtype,
  )
}

/** One mask of which it is known what it hides. */
function known(b: Builder, term: MaskTerm, hiding: Hiding, guarded: boolean, dtype: DType): AttentionMask {
  const { visible, hidden } = hiding
  const isCausal = visible === 'causal'
  const isWithin = visible === 'within'
  // A kept mask stays what it is; a replaced one swallows scores, as replacing them would.
  const isKept = term.kind === 'added' && Number.isFinite(hidden)
  const mask = isKept ? term.value : lowMask(b, term, hiding, dtype)
  // Every query sees itself.
  if (isCausal) return { mask, causal: true }
  const seen = (): Value => visibleQueries(b, term, hiding, dtype)
  if (hidden === -Infinity) {
    // Without a guard such a row is NaN in the source model, and anything here.
    return guarded ? { mask, visible: seen(), causal: isWithin, blind: 'zero' } : { mask, causal: isWithin }
  }
  const isUniform = term.kind === 'chosen' || hidden <= SWALLOWS
  if (!isWithin || !isUniform || !hiding.condition) return { mask, causal: false }
  return { mask, visible: seen(), causal: true, blind: 'uniform' }
}

/** Masks of which nothing is known, added up. */
function unknown(b: Builder, terms: readonly MaskTerm[], guarded: boolean, dtype: DType): AttentionMask {
  const values = terms.map((term) => {
    if (term.kind === 'added') return term.value
    const [yes, no] = [b.scalar(dtype, 0), b.scalar(dtype, term.fill)]
    return b.emit(
      'Where',
      term.hides ? [term.condition, no, yes] : [term.condition, yes, no],
      {},
      { name: 'mask' },
    )
  })
  const mask = values.reduce((x, y) => b.add(x, y))
  if (!guarded) return { mask, causal: false }
  return {
    mask: raisedToLow(b, mask, dtype),
    visible: notAllInfinite(b, mask, dtype),
    causal: false,
    blind: 'zero',
  }
}

/** −∞ would make NaN of a row that has nothing else. */
function raisedToLow(b: Builder, mask: Value, dtype: DType): Value {
  return b.emit('Max', [mask, b.scalar(dtype, low(dtype))], {}, { name: 'mask' })
}

/** 1 for rows that are not −∞ throughout, else 0: [..., s, 1]. */
function notAllInfinite(b: Builder, mask: Value, dtype: DType): Value {
  const most = b.emit('ReduceMax', [mask, b.ints([-1])], { keepdims: 1 })
  return b.cast(b.emit('Greater', [most, b.scalar(dtype, -Infinity)]), dtype)
}

function hidingOf(term: MaskTerm): Hiding | undefined {
  if (term.kind === 'chosen') {
    const holds = predicateOf(twoValued(term.condition))
    const visible = term.hides ? not(holds) : holds
    return { visible, hidden: term.fill, condition: term.condition, hides: term.hides }
  }
  const { where, yes, no } = twoValued(term.value)
  if (where === 'all') return yes === 0 ? { visible: 'all', hidden: 0, hides: false } : undefined
  if (yes === 0 && no <= HIDES) return { visible: where, hidden: no, ...conditionOf(term.value, false) }
  if (no === 0 && yes <= HIDES) return { visible: not(where), hidden: yes, ...conditionOf(term.value, true) }
  return undefined
}

/** The condition of Where(condition, 0, hidden) or Where(condition, hidden, 0). */
function conditionOf(mask: Value, hides: boolean): { condition?: Value; hides: boolean } {
  const where = made(mask, 'Where')
  if (!where) return { hides }
  const chosen = number(where.inputs[1])
  return { condition: where.input(0), hides: chosen !== undefined && chosen < 0 }
}

/** 0 where a key is visible, so low that it swallows any score where it is not. */
function lowMask(b: Builder, term: MaskTerm, { condition, hides }: Hiding, dtype: DType): Value {
  if (!condition) return raisedToLow(b, (term as { value: Value }).value, dtype)
  const [yes, no] = [b.scalar(dtype, 0), b.scalar(dtype, low(dtype))]
  return b.emit('Where', hides ? [condition, no, yes] : [condition, yes, no], {}, { name: 'mask' })
}

/** 1 for queries that see any key, else 0: [..., s, 1]. */
function visibleQueries(b: Builder, term: MaskTerm, { condition, hides }: Hiding, dtype: DType): Value {
  if (!condition) return notAllInfinite(b, (term as { value: Value }).value, dtype)
  const numbers = b.cast(condition, dtype)
  const some = b.emit(hides ? 'ReduceMin' : 'ReduceMax', [numbers, b.ints([-1])], { keepdims: 1 })
  return hides ? b.sub(b.scalar(dtype, 1), some) : some
}

const LOWEST: Partial<Record<DType, number>> = {
  float16: -65504,
  bfloat16: -3.3895313892515355e38,
  float64: -1.7e308,
}

/** Half the lowest number: a score can be added without overflow. */
function low(dtype: DType): number {
  return Math.fround((LOWEST[dtype] ?? -3.4028234663852886e38) / 2)
}
