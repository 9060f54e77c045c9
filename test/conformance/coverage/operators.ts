/** The operators' half of docs/coverage.md. */
import { standardOps } from '../../../src/index.js'
import { undefinedOperators } from '../../../src/ops/undefined.js'
import { refusalOf } from '../../../src/ops/support/refused.js'
import type { OpDef } from '../../../src/op.js'
import { isOk, statusOf, type Outcome, type Results } from '../standard/result.js'
import { table } from './markdown.js'

/** Summary and table of all operators; `results` are those of the standard's cases, where they have been run. */
export function operators(results: Results | undefined): string {
  const names = standardOps.names.sort((a, b) => domainOf(a).localeCompare(domainOf(b)) || a.localeCompare(b))
  const cases = results ? casesByOperator(results) : new Map<string, Tally>()
  const rows = names.map((name) => [name, gradientOf(standardOps.get(name)!), ...columns(cases.get(name))])
  return [
    '## Operators',
    introduction(names),
    ...(results ? [summary(results)] : []),
    table(['operator', 'gradient', 'cases', 'values right', 'gradients right'], rows),
    undefinedTable(),
    ...(results ? [exceptions(results)] : []),
  ].join('\n\n')
}

function undefinedTable(): string {
  const rows = undefinedOperators().map(([name, reason]) => [name, reason])
  return `### Operators that are refused, and why\n\n${table(['operator', 'reason'], rows)}`
}

function domainOf(name: string): string {
  return name.includes('::') ? name : ''
}

function introduction(names: readonly string[]): string {
  const defs = names.map((name) => standardOps.get(name)!)
  const withRule = defs.filter((def) => def.grad !== 'none' && !refusalOf(def.grad)).length
  const lowered = defs.filter((def) => def.grad === 'none' && def.lower).length
  const refused = defs.filter((def) => def.grad !== 'none' && refusalOf(def.grad)).length
  return `${names.length} operators have a type rule. ${withRule} have a gradient rule, ${lowered} are written in operators that have one, ${refused} are refused
with a reason where a gradient would have to pass, and ${defs.length - withRule - lowered - refused} have outputs that are not differentiable. Every rule is
tested against central differences in float64, and in ONNX Runtime (\`test/ops\`).`
}

function gradientOf({ grad, lower }: OpDef): string {
  if (grad === 'none') return lower ? 'in its parts' : 'not differentiable'
  const refusal = refusalOf(grad)
  return refusal ? `refused: ${refusal}` : 'yes'
}

interface Tally {
  all: number
  comparable: number
  forward: number
  differentiable: number
  gradient: number
}

function columns(tally: Tally | undefined): string[] {
  if (!tally) return ['', '', '']
  const gradients = tally.differentiable > 0 ? `${tally.gradient} of ${tally.differentiable}` : ''
  const values = tally.comparable > 0 ? `${tally.forward} of ${tally.comparable}` : ''
  return [String(tally.all), values, gradients]
}

/** Whether there was something to check. */
function counts(outcome: Outcome): boolean {
  return !['none', 'outside'].includes(statusOf(outcome))
}

function casesByOperator({ cases }: Results): Map<string, Tally> {
  const tallies = new Map<string, Tally>()
  for (const { operators, forward, gradient } of Object.values(cases)) {
    for (const name of operators) {
      const tally = tallies.get(name) ?? { all: 0, comparable: 0, forward: 0, differentiable: 0, gradient: 0 }
      tallies.set(name, tally)
      tally.all++
      tally.comparable += Number(counts(forward))
      tally.forward += Number(isOk(forward))
      tally.differentiable += Number(counts(gradient))
      tally.gradient += Number(isOk(gradient))
    }
  }
  return tallies
}

function summary({ onnx, cases }: Results): string {
  const all = Object.values(cases)
  const share = (part: (r: (typeof all)[number]) => Outcome) => {
    const counted = all.map(part).filter(counts)
    const right = counted.filter(isOk).length
    return `${right} of ${counted.length} (${((100 * right) / counted.length).toFixed(1)}%)`
  }
  return `The operator cases of the standard's own test-suite (onnx ${onnx}, ${all.length} cases): types ${share((r) => r.type)}, values
${share((r) => r.forward)}, gradients of differentiable cases ${share((r) => r.gradient)}.`
}

function exceptions({ cases }: Results): string {
  const rows = Object.entries(cases).flatMap(([name, result]) =>
    (['type', 'forward', 'gradient'] as const).flatMap((what) => {
      const outcome = result[what]
      return outcome === 'ok' || !counts(outcome)
        ? []
        : [[name, what, outcome.status, outcome.reason.slice(0, 200)]]
    }),
  )
  if (rows.length === 0) return ''
  return `### Cases that do not pass, and why\n\n${table(['case', 'what', 'outcome', 'reason'], rows)}`
}
