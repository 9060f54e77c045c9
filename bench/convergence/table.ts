/** The table of a comparison, in markdown. */
import { markdownTable } from '../statistics.js'
import type { Spread } from './analysis.js'
import type { Longer, Results, Row } from './results.js'
import { RULES } from './settings.js'

const HEAD = [
  'drop rate',
  'rates',
  'validation loss',
  'against rate 0: equal steps',
  'equal time: rate 0 shorter',
  'equal FLOPs: rate 0 shorter',
  'equal FLOPs: DropBP longer',
  'its steps, FLOPs, time',
  'at rate 0’s loss after',
  'branch backward FLOPs dropped',
  'training FLOPs',
  'time of a step (quartiles)',
]

/** One row a configuration, rate 0 first, its shorter trainings last. */
export function resultTable({ rows }: Pick<Results, 'rows'>): string {
  return markdownTable(HEAD, rows.map(cells))
}

function cells(row: Row): string[] {
  const { rate, rule, share } = row.configuration
  const kept = rate === 0
  return [
    String(rate),
    kept ? (share < 1 ? `${percent(share)} of the steps` : '') : RULES[rule].label,
    loss(row.loss),
    kept && share === 1 ? '' : difference(row.difference),
    kept ? '' : difference(row.atEqualTime),
    kept ? '' : difference(row.atEqualGflops),
    ...longer(row.longer),
    percent(row.dropped, 1),
    percent(row.gflops),
    row.stepTime && !kept ? stepTime(row.stepTime) : '',
  ]
}

function longer(value: Longer | null): string[] {
  if (!value) return ['', '', '']
  return [
    difference(value.difference),
    [value.steps, value.gflops, value.seconds].map((share) => percent(share)).join(', '),
    value.reaches === null ? 'never' : `${percent(value.reaches)} of its time`,
  ]
}

const percent = (x: number, digits = 0): string => `${(100 * x).toFixed(digits)}%`

const loss = ({ mean, deviation }: Spread): string => `${mean.toFixed(4)}${plusMinus(deviation)}`

const plusMinus = (deviation: number | null): string =>
  deviation === null ? '' : ` ± ${deviation.toFixed(4)}`

function difference(value: Spread | null): string {
  if (value === null) return '–'
  const sign = value.mean < 0 ? '−' : '+'
  return `${sign}${Math.abs(value.mean).toFixed(4)}${plusMinus(value.deviation)}`
}

function stepTime({ ratio, quartiles }: NonNullable<Row['stepTime']>): string {
  return `${percent(ratio)} (${quartiles.map((q) => percent(q)).join('–')})`
}
