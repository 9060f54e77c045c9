/** Heat maps: sites from top to bottom in execution order, steps from left to right. */
import { stepScale, WIDTH } from './chart.js'
import { label, tag } from './svg.js'

/** Values of all sites over a stretch of steps; NaN where there is none. */
export interface Column {
  from: number
  to: number
  values: readonly number[]
}

export interface HeatMapOptions {
  sites: readonly { readonly name: string }[]
  /** Steps of the whole training. */
  steps: number
  /** Where a value lies between palest (0) and darkest (1). */
  shade: (value: number) => number
  format: (value: number) => string
}

/** Room for the sites' names. */
const LEFT = 150
const TOP = 6
/** Characters of a name that fit. */
const NAME = 24

export function heatMap(columns: readonly Column[], options: HeatMapOptions): string {
  const { sites, steps } = options
  if (columns.length === 0 || sites.length === 0) return '<p class="empty">Nothing was recorded.</p>'
  const row = Math.max(7, Math.min(18, 420 / sites.length))
  const height = TOP + row * sites.length + 26
  const x = stepScale(steps, LEFT)
  // Beyond some forty sites, names of every site would overlap.
  const every = Math.ceil(11 / row)
  const names = sites.map(({ name }, i) =>
    i % every === 0
      ? label(LEFT - 8, TOP + (i + 0.5) * row + 4, shortened(name), { 'text-anchor': 'end' })
      : '',
  )
  const cells = columns.flatMap((column) =>
    column.values.map((value, i) => cell(column, i, value, row, x, options)),
  )
  const ticks = x
    .ticks(8)
    .map((tick) => label(x(tick), height - 8, tick.toLocaleString('en'), { 'text-anchor': 'middle' }))
  return tag(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${height}`, role: 'img' },
    [...names, ...cells, ...ticks].join(''),
  )
}

function cell(
  { from, to }: Column,
  i: number,
  value: number,
  row: number,
  x: (step: number) => number,
  { sites, shade, format }: HeatMapOptions,
): string {
  if (!Number.isFinite(value)) return ''
  const opacity = 0.04 + 0.96 * Math.max(0, Math.min(1, shade(value)))
  const title = tag('title', {}, `${sites[i]!.name}, steps ${from} to ${to}: ${format(value)}`)
  const size = {
    x: x(from),
    y: TOP + i * row,
    width: Math.max(x(to) - x(from) - 0.6, 0.8),
    height: row - 1.2,
  }
  return tag('rect', { class: 'cell', ...size, rx: 1, 'fill-opacity': opacity }, title)
}

/** Names are told apart by their ends. */
function shortened(name: string): string {
  return name.length > NAME ? `…${name.slice(1 - NAME)}` : name
}
