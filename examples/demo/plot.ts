/** The demo's picture: loss by step and by time, as SVG and as PNG. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Resvg } from '@resvg/resvg-js'
import { scaleLinear, type ScaleLinear } from 'd3-scale'
import { line } from 'd3-shape'

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

interface Panel {
  left: number
  x: ScaleLinear<number, number>
  y: ScaleLinear<number, number>
  of: (p: Point) => number
}

const WIDTH = 960
const HEIGHT = 430
const TOP = 92
const BOTTOM = 374
const PANEL_WIDTH = 400
const LEFTS = [56, 528]
const FONTS = { regular: '400Regular/Inter_400Regular.ttf', bold: '600SemiBold/Inter_600SemiBold.ttf' }
const INK = '#1f2937'
const FAINT = '#6b7280'
const GRID = '#e5e7eb'

/** Writes `<path>.svg` and `<path>.png`. */
export function writePlot(path: string, title: string, curves: readonly Curve[]): void {
  const svg = drawLosses(title, curves)
  writeFileSync(`${path}.svg`, svg)
  writeFileSync(`${path}.png`, renderPng(svg))
}

/** An SVG with two panels that share the loss axis: by step on the left, by training time on the right. */
export function drawLosses(title: string, curves: readonly Curve[]): string {
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
  const size = `width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"`
  const background = `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="Inter, sans-serif">\n${background}\n${body.join('\n')}\n</svg>\n`
}

/** Renders with the font of an npm package, so that a machine without fonts draws the same picture. */
function renderPng(svg: string): Uint8Array {
  const require = createRequire(import.meta.url)
  const fontFiles = Object.values(FONTS).map((file) => require.resolve(`@expo-google-fonts/inter/${file}`))
  const font = { fontFiles, loadSystemFonts: false, defaultFontFamily: 'Inter' }
  return new Resvg(svg, { font, fitTo: { mode: 'width', value: 2 * WIDTH } }).render().asPng()
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
    of,
    x: scaleLinear([0, Math.max(...points.map(of))], [left, left + PANEL_WIDTH]),
    y: scaleLinear(domain, [BOTTOM, TOP]).nice(6),
  }
}

function axes({ left, x, y }: Panel, label: string): string {
  const rows = y.ticks(6).map((tick) => {
    const at = y(tick).toFixed(1)
    const rule = `<line x1="${left}" x2="${left + PANEL_WIDTH}" y1="${at}" y2="${at}" stroke="${GRID}"/>`
    return rule + text(left - 8, y(tick) + 4, y.tickFormat(6)(tick), { anchor: 'end' })
  })
  const columns = x.ticks(6).map((tick) => text(x(tick), BOTTOM + 20, String(tick), { anchor: 'middle' }))
  const name = text(left + PANEL_WIDTH / 2, BOTTOM + 42, label, { anchor: 'middle' })
  return [...rows, ...columns, name].join('\n')
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

interface TextStyle {
  anchor?: 'start' | 'middle' | 'end'
  size?: number
  weight?: number
  fill?: string
}

function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { anchor = 'start', size = 12, weight = 400, fill = FAINT } = style
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="${fill}">${escaped}</text>`
}
