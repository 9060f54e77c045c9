/** The table of a comparison, in markdown. */
import { markdownTable } from '../statistics.js'
import type { Spread } from './analysis.js'
import type { Results, Row } from './results.js'
import { RULES } from './settings.js'

const HEAD = [
  'drop rate',
  'rates',
  'validation loss',
  'difference, equal steps',
  'difference, equal time',
  'difference, equal FLOPs',
  'branch backward FLOPs dropped',
  'training FLOPs',
  'time of a step (quartiles)',
  'at rate 0’s final loss after',
]

/** One row a configuration, rate 0 first, its shorter trainings last. */
export function resultTable({ rows }: Pick<Results, 'rows'>): string {
  return markdownTable(HEAD, rows.map(cells))
}

function cells(row: Row): string[] {
  const { rate, rule, share } = row.configuration
  const short = share < 1
  return [
    String(rate),
    rate > 0 ? RULES[rule].label : short ? `${percent(share)} of the steps` : '',
    loss(row.loss),
    rate > 0 || short ? difference(row.difference) : '',
    rate > 0 ? difference(row.atEqualTime) : '',
    rate > 0 ? difference(row.atEqualGflops) : '',
    percent(row.dropped, 1),
    percent(row.gflops),
    row.stepTime && rate > 0 ? stepTime(row.stepTime) : short ? '' : '100%',
    short || rate === 0 ? '' : row.reaches === null ? 'never' : `${percent(row.reaches)} of its time`,
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
