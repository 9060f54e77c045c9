/** Line charts over training steps. */
import { scaleLinear, scaleLog } from 'd3-scale'
import { area, line } from 'd3-shape'
import { label, tag } from './svg.js'

/** A value at a step. */
export interface Point {
  step: number
  value: number
}

/** A line of a chart; its colour is a class of the style sheet. */
export interface Series {
  colour: string
  points: readonly Point[]
  /** Few and worth a dot each. */
  dots?: boolean
  /** Drawn as a band of lowest and highest with a smoothed line, where there are more points than pixels. */
  noisy?: boolean
}

export interface ChartOptions {
  /** Steps of the whole training. */
  steps: number
  format: (value: number) => string
  /** Where the axis begins, unless values lie below. */
  from?: number
  /** A line across, with its name. */
  target?: { value: number; name: string }
  logarithmic?: boolean
}

export const WIDTH = 720
const HEIGHT = 250
const LEFT = 58
const RIGHT = WIDTH - 14
const [TOP, BOTTOM] = [14, HEIGHT - 28]
/** Points that a line is drawn with at most. */
const BINS = 240

/** Beyond so many, dots would hide their line. */
const MOST_DOTS = 100

/** The horizontal axis, shared with heat maps. */
export function stepScale(steps: number, left = LEFT) {
  return scaleLinear([0, Math.max(steps, 1)], [left, RIGHT])
}

export function chart(series: readonly Series[], options: ChartOptions): string {
  const values = series.flatMap((s) => s.points.map((p) => p.value)).filter(Number.isFinite)
  if (values.length === 0) return '<p class="empty">Nothing was recorded.</p>'
  const x = stepScale(options.steps)
  const y = valueScale(values, options)
  const rows = y.ticks(5).map((tick) => {
    const rule = tag('line', { class: 'grid', x1: LEFT, x2: RIGHT, y1: y(tick), y2: y(tick) })
    return rule + label(LEFT - 8, y(tick) + 4, options.format(tick), { 'text-anchor': 'end' })
  })
  const columns = x
    .ticks(8)
    .map((tick) => label(x(tick), HEIGHT - 8, tick.toLocaleString('en'), { 'text-anchor': 'middle' }))
  const [target, name] = options.target ? targetLine(options.target, y) : ['', '']
  const lines = series.map((s) => drawSeries(s, x, y, options.format))
  const size = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' }
  return tag('svg', size, [...rows, ...columns, target, ...lines, name].join(''))
}

type Scale = ((value: number) => number) & { ticks: (count?: number) => number[] }

function valueScale(values: readonly number[], { from, logarithmic, target }: ChartOptions): Scale {
  const all = target ? [...values, target.value] : values
  // Not spread into arguments: a long training has more steps than a call can take.
  const low = all.reduce((a, b) => Math.min(a, b), Infinity)
  const high = all.reduce((a, b) => Math.max(a, b), -Infinity)
  if (logarithmic && low > 0) return scaleLog([low, high * 1.0001], [BOTTOM, TOP]).nice()
  const bottom = Math.min(from ?? low, low)
  return scaleLinear([bottom, high > bottom ? high : bottom + 1], [BOTTOM, TOP]).nice(5)
}

/** The line, which others may cross, and its name, which stands above them. */
function targetLine({ value, name }: { value: number; name: string }, y: Scale): [string, string] {
  return [
    tag('line', { class: 'target', x1: LEFT, x2: RIGHT, y1: y(value), y2: y(value) }),
    label(LEFT + 6, y(value) - 6, name, { class: 'target-name' }),
  ]
}

function drawSeries(
  { colour, points, dots, noisy }: Series,
  x: Scale,
  y: Scale,
  format: (v: number) => string,
): string {
  const bins = binned(points)
  const path = line<Bin>(
    (b) => x(b.step),
    (b) => y(b.mean),
  ).digits(1)
  const stroke = tag('path', { class: `line ${colour}`, d: path(noisy ? smoothed(bins) : bins) ?? '' })
  const band = area<Bin>(
    (b) => x(b.step),
    (b) => y(b.low),
    (b) => y(b.high),
  ).digits(1)
  // Steps one by one where there are few, what a bin had lowest and highest where there are many.
  const single = bins.length === points.length
  const spread = !noisy
    ? ''
    : single
      ? tag('path', { class: `raw ${colour}`, d: path(bins) ?? '' })
      : tag('path', { class: `band ${colour}`, d: band(bins) ?? '' })
  const marks =
    dots && points.length <= MOST_DOTS
      ? points.map((p) => {
          const title = tag('title', {}, `step ${p.step}: ${format(p.value)}`)
          return tag('circle', { class: `dot ${colour}`, cx: x(p.step), cy: y(p.value), r: 3 }, title)
        })
      : []
  return spread + stroke + marks.join('')
}

interface Bin {
  step: number
  mean: number
  low: number
  high: number
}

/** As many points as can be told apart, each the mean of its neighbours. */
function binned(points: readonly Point[]): Bin[] {
  const finite = points.filter((p) => Number.isFinite(p.value))
  const size = Math.ceil(finite.length / BINS)
  const bins: Bin[] = []
  for (let i = 0; i < finite.length; i += size) {
    const part = finite.slice(i, i + size)
    const values = part.map((p) => p.value)
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    bins.push({ step: part.at(-1)!.step, mean, low: Math.min(...values), high: Math.max(...values) })
  }
  return bins
}

/** A running mean over a twentieth of the line. */
function smoothed(bins: readonly Bin[]): Bin[] {
  const reach = Math.max(1, Math.round(bins.length / 40))
  return bins.map((bin, i) => {
    const near = bins.slice(Math.max(0, i - reach), i + reach + 1)
    return { ...bin, mean: near.reduce((sum, b) => sum + b.mean, 0) / near.length }
  })
}
