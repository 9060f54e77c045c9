/** The picture: validation loss over steps, time and FLOPs, a row of panels for each rule. */
import { scaleLinear, type ScaleLinear } from 'd3-scale'
import { area, line } from 'd3-shape'
import { axes, INK, text, writePicture, type Frame } from '../drawing.js'
import { AXES, type Axis, type CurvePoint, type Results, type Row } from './results.js'
import { RULE_NAMES, RULES, type RuleName } from './settings.js'

const SIZE = { width: 1080, height: 880 }
const LEFTS = [64, 410, 756]
const PANEL = { width: 292, height: 176 }
/** Where the first row of panels begins, and from one to the next. */
const TOP = 122
const ROW = 260
const COLORS = ['#334155', '#0284c7', '#d97706', '#be123c', '#7c3aed', '#15803d']
const NAMES: Record<Axis, string> = {
  step: 'step',
  seconds: 'time: steps × median time of a step, seconds',
  gflops: 'forward and backward TFLOPs',
}
const UNITS: Record<Axis, number> = { step: 1, seconds: 1, gflops: 1000 }
/** The vertical axis begins where this share of the training is done: before, all fall alike. */
const FROM = 0.15

interface Panel extends Frame {
  top: number
  axis: Axis
}

/** Writes `<path>.svg` and `<path>.png`. */
export function drawPicture(path: string, results: Results): void {
  const { rows, settings } = results
  const rates = [0, ...settings.rates]
  const colorOf = ({ configuration }: Row): string => COLORS[rates.indexOf(configuration.rate)]!
  const y = lossDomain(rows)
  const panels = RULE_NAMES.flatMap((rule, i) =>
    AXES.map((axis, j) => ({ rule, panel: makePanel(axis, LEFTS[j]!, TOP + i * ROW, rows, y) })),
  )
  writePicture(path, SIZE, [
    text(LEFTS[0]!, 36, 'Fine-tuning with and without DropBP: validation loss, nats per byte', {
      size: 19,
      weight: 600,
      fill: INK,
    }),
    legend(rates, settings.seeds.length),
    clips(panels.map(({ panel }) => panel)),
    ...RULE_NAMES.map((rule, i) =>
      text(LEFTS[0]!, TOP + i * ROW - 14, `drop rates: ${RULES[rule].label}`, {
        size: 13,
        weight: 600,
        fill: INK,
      }),
    ),
    ...panels.map(({ rule, panel }, i) => drawPanel(panel, i, shown(rows, rule), colorOf)),
  ])
}

/** A rule's curves, rate 0 on top of them, and the ends of rate 0's shorter trainings. */
function shown(rows: readonly Row[], rule: RuleName): Row[] {
  const of = rows.filter(({ configuration: c }) => c.rate === 0 || c.rule === rule)
  return [...of.filter((r) => r.configuration.rate > 0), ...of.filter((r) => r.configuration.rate === 0)]
}

/** Where a row's trainings ended. */
function ends(row: Row): CurvePoint[] {
  return [row, ...(row.longer ? [row.longer] : [])].map(({ curve }) => curve.at(-1)!)
}

function lossDomain(rows: readonly Row[]): [number, number] {
  const whole = rows.filter((row) => row.configuration.share === 1)
  const least = Math.min(...whole.flatMap((row) => [...row.curve, ...ends(row)].map((p) => p.loss.min)))
  const from = FROM * whole[0]!.curve.at(-1)!.step
  const most = Math.max(
    ...whole.flatMap((row) => row.curve.filter((p) => p.step >= from).map((p) => p.loss.max)),
  )
  return [least, most]
}

function makePanel(
  axis: Axis,
  left: number,
  top: number,
  rows: readonly Row[],
  losses: readonly [number, number],
): Panel {
  const shown = rows.flatMap((row) => (axis === 'step' ? row.curve : [...row.curve, ...ends(row)]))
  const most = Math.max(...shown.map((p) => p[axis] / UNITS[axis]))
  const bottom = top + PANEL.height
  return {
    axis,
    left,
    top,
    bottom,
    width: PANEL.width,
    x: scaleLinear([0, most], [left, left + PANEL.width]),
    y: scaleLinear(losses, [bottom, top]).nice(5),
  }
}

function clips(panels: readonly Panel[]): string {
  return panels
    .map(
      ({ left, top }, i) =>
        `<clipPath id="panel-${i}"><rect x="${left}" y="${top - 2}" width="${PANEL.width + 6}" height="${PANEL.height + 4}"/></clipPath>`,
    )
    .join('\n')
}

function drawPanel(panel: Panel, i: number, rows: readonly Row[], colorOf: (row: Row) => string): string {
  const whole = rows.filter((row) => row.configuration.share === 1)
  const kept = rows.filter((row) => row.configuration.rate === 0)
  const curves = whole.map((row) => drawCurve(panel, row, colorOf(row)))
  const budgets = [
    drawBudgets(panel, kept.flatMap(ends), colorOf(kept[0]!)),
    // Over steps they would lie far to the right.
    ...whole
      .filter((row) => row.longer && panel.axis !== 'step')
      .map((row) => drawBudgets(panel, ends(row), colorOf(row))),
  ]
  return `${axes(panel, NAMES[panel.axis], 5)}\n<g clip-path="url(#panel-${i})">\n${[...budgets, ...curves].join('\n')}\n</g>`
}

const at = ({ axis, x }: { axis: Axis; x: ScaleLinear<number, number> }, p: CurvePoint): number =>
  x(p[axis] / UNITS[axis])

/** The mean over seeds as a line, least and most as a band. */
function drawCurve(panel: Panel, { curve }: Row, color: string): string {
  const band = area<CurvePoint>()
    .x((p) => at(panel, p))
    .y0((p) => panel.y(p.loss.min))
    .y1((p) => panel.y(p.loss.max))
    .digits(1)
  const mean = line<CurvePoint>()
    .x((p) => at(panel, p))
    .y((p) => panel.y(p.loss.mean))
    .digits(1)
  const end = curve.at(-1)!
  return [
    `<path d="${band(curve)}" fill="${color}" fill-opacity="0.18"/>`,
    `<path d="${mean(curve)}" fill="none" stroke="${color}" stroke-width="1.8" stroke-linejoin="round"/>`,
    `<circle cx="${at(panel, end).toFixed(1)}" cy="${panel.y(end.loss.mean).toFixed(1)}" r="3" fill="${color}"/>`,
  ].join('\n')
}

/** Where trainings of several lengths ended. */
function drawBudgets(panel: Panel, points: CurvePoint[], color: string): string {
  const ascending = points.sort((a, b) => a.step - b.step)
  const places = ascending.map((end): [number, number] => [at(panel, end), panel.y(end.loss.mean)])
  const path = `<path d="${line().digits(1)(places)}" fill="none" stroke="${color}" stroke-width="1.2" stroke-dasharray="4 4"/>`
  const rings = places.map(
    ([x, y]) =>
      `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.4" fill="#ffffff" stroke="${color}" stroke-width="1.8"/>`,
  )
  return [path, ...rings].join('\n')
}

/** Two lines under the title: a swatch for every rate, then what the marks are. */
function legend(rates: readonly number[], seeds: number): string {
  let x = LEFTS[0]!
  const items = rates.map((rate, i) => {
    const label = rate === 0 ? 'every branch kept' : `drop rate ${rate}`
    const swatch = `<line x1="${x}" x2="${x + 22}" y1="58" y2="58" stroke="${COLORS[i]}" stroke-width="2.4"/>`
    const item = swatch + text(x + 30, 62, label, { fill: INK, size: 13 })
    x += 56 + label.length * 7.2
    return item
  })
  const note = `mean of ${seeds} seeds, band: least to most · rings: the same for fewer steps (every branch kept) or for more (DropBP), each with a whole schedule`
  return [...items, text(LEFTS[0]!, 84, note)].join('\n')
}
