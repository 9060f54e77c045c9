/** What a step costs: FLOPs at example dimensions, and under DropBP. */
import { evaluateExpr } from '../../expr.js'
import type { Manifest } from '../../manifest.js'

/** Sizes of symbolic dimensions by name. */
export type Dims = Readonly<Record<string, number>>

/** Expected FLOPs of a training step with every site dropped at one rate. */
export interface StepCost {
  dropRate: number
  flops: number
  /** Of a step that drops nothing. */
  relative: number
}

const DROP_RATES = [0, 0.5, 0.75, 0.9]

/** Sizes for dimensions that nobody gave, by what their names say: a batch of one, 512 tokens, an image of 224 × 224. */
const EXAMPLES: readonly (readonly [RegExp, number])[] = [
  [/batch|^n$/i, 1],
  [/channel/i, 3],
  [/height|width/i, 224],
]
const EXAMPLE_LENGTH = 512

/** A size for every symbol that the manifest's shapes and FLOPs mention. */
export function exampleDims({ inputs, loss, sites, flops }: Manifest, given: Dims): Dims {
  const shapes = [...inputs, ...(loss.labels ? [loss.labels] : [])].flatMap((t) => t.shape.map(String))
  const costs = [flops, ...sites.map((s) => s.flops)].flatMap((f) => [f.forward, f.backward])
  const names = new Set([...shapes, ...costs].flatMap(symbolsOf))
  return Object.fromEntries([...names].sort().map((name) => [name, given[name] ?? exampleSize(name)]))
}

function exampleSize(name: string): number {
  return EXAMPLES.find(([pattern]) => pattern.test(name))?.[1] ?? EXAMPLE_LENGTH
}

/** The names in a printed expression. */
function symbolsOf(text: string): string[] {
  return (text.match(/[A-Za-z_][\w.]*/g) ?? []).filter((word) => !/^(floor|max|min|e\d+)$/.test(word))
}

/** FLOPs of one kept site. */
export function siteCost(
  { flops }: Pick<Manifest, 'flops'>,
  dims: Dims,
): { forward: number; backward: number } {
  return { forward: evaluateExpr(flops.forward, dims), backward: evaluateExpr(flops.backward, dims) }
}

/** Expected cost of a step at drop rates 0, 0.5, 0.75 and 0.9: the forward is never dropped, nor is what lies in no site. */
export function stepCosts({ flops, sites }: Manifest, dims: Dims): StepCost[] {
  const whole = evaluateExpr(flops.forward, dims) + evaluateExpr(flops.backward, dims)
  const droppable = sites.reduce((sum, site) => sum + siteCost(site, dims).backward, 0)
  return DROP_RATES.map((dropRate) => {
    const expected = whole - dropRate * droppable
    return { dropRate, flops: expected, relative: whole === 0 ? 1 : expected / whole }
  })
}
