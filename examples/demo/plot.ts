/** The demo's picture: loss by step and by time, as SVG and as PNG. */
import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import { axes, INK, text, writePicture, type Frame } from '../../bench/drawing.js'

/** A loss at a step, and the training seconds that had passed. */
export interface Point {
  step: number
  seconds: number
  loss: number
}

/** One run of the demo. */
export interface Curve {
  label: string
  color: string
  training: readonly Point[]
  validation: readonly Point[]
}

interface Panel extends Frame {
  of: (p: Point) => number
}

const WIDTH = 960
const HEIGHT = 430
const TOP = 92
const BOTTOM = 374
const PANEL_WIDTH = 400
const LEFTS = [56, 528]

/**
 * Writes `<path>.svg` and `<path>.png`: two panels that share the loss axis, by step on the left, by training time on the
 * right.
 */
export function writePlot(path: string, title: string, curves: readonly Curve[]): void {
  const smoothed = curves.map((c) => ({ ...c, training: smooth(c.training) }))
  const panels = [
    makePanel(LEFTS[0]!, smoothed, (p) => p.step),
    makePanel(LEFTS[1]!, smoothed, (p) => p.seconds),
  ]
  const body = [
    text(LEFTS[0]!, 34, title, { size: 19, weight: 600, fill: INK }),
    legend(curves),
    ...panels.map((panel, i) => axes(panel, ['step', 'training time, seconds'][i]!)),
    ...panels.flatMap((panel) => smoothed.map((curve) => drawCurve(panel, curve))),
  ]
  writePicture(path, { width: WIDTH, height: HEIGHT }, body)
}

/** A running mean of the noisy training loss. */
function smooth(points: readonly Point[]): Point[] {
  const window = Math.max(1, Math.round(points.length / 20))
  return points.map((point, i) => {
    const near = points.slice(Math.max(0, i - window), i + window + 1)
    return { ...point, loss: near.reduce((sum, p) => sum + p.loss, 0) / near.length }
  })
}

function makePanel(left: number, curves: readonly Curve[], of: (p: Point) => number): Panel {
  const points = curves.flatMap((c) => [...c.training, ...c.validation])
  const losses = points.map((p) => p.loss)
  const domain = [Math.min(...losses), Math.max(...losses)]
  return {
    left,
    width: PANEL_WIDTH,
    bottom: BOTTOM,
    of,
    x: scaleLinear([0, Math.max(...points.map(of))], [left, left + PANEL_WIDTH]),
    y: scaleLinear(domain, [BOTTOM, TOP]).nice(6),
  }
}

function drawCurve({ x, y, of }: Panel, curve: Curve): string {
  const path = line<Point>(
    (p) => x(of(p)),
    (p) => y(p.loss),
  ).digits(1)
  const stroke = (points: readonly Point[], width: number, opacity: number) =>
    `<path d="${path([...points])}" fill="none" stroke="${curve.color}" stroke-width="${width}" stroke-opacity="${opacity}" stroke-linejoin="round"/>`
  const dots = curve.validation.map(
    (p) =>
      `<circle cx="${x(of(p)).toFixed(1)}" cy="${y(p.loss).toFixed(1)}" r="3.4" fill="#ffffff" stroke="${curve.color}" stroke-width="2"/>`,
  )
  return [stroke(curve.training, 1.2, 0.45), stroke(curve.validation, 2.2, 1), ...dots].join('\n')
}

/** A row under the title: a swatch for every run, then what thick and thin lines are. */
function legend(curves: readonly Curve[]): string {
  let at = LEFTS[0]!
  const items = curves.map(({ label, color }) => {
    const swatch = `<line x1="${at}" x2="${at + 22}" y1="57" y2="57" stroke="${color}" stroke-width="2.2"/>`
    const item = swatch + text(at + 30, 61, label, { fill: INK, size: 13 })
    at += 54 + label.length * 7.2
    return item
  })
  const note = 'loss in nats per byte · dots: validation · thin line: training, running mean'
  return [...items, text(WIDTH - 32, 61, note, { anchor: 'end', size: 12 })].join('\n')
}
