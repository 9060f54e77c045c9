/** What pictures of measurements are drawn with: text, axes, and SVG made PNG. */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Resvg } from '@resvg/resvg-js'
import type { ScaleLinear } from 'd3-scale'

export const INK = '#1f2937'
const FAINT = '#6b7280'
const GRID = '#e5e7eb'
const FONTS = { regular: '400Regular/Inter_400Regular.ttf', bold: '600SemiBold/Inter_600SemiBold.ttf' }

export interface Size {
  width: number
  height: number
}

/** A pair of axes with its place; `bottom` is below `top`. */
export interface Frame {
  left: number
  width: number
  bottom: number
  x: ScaleLinear<number, number>
  y: ScaleLinear<number, number>
}

export interface TextStyle {
  anchor?: 'start' | 'middle' | 'end'
  size?: number
  weight?: number
  fill?: string
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { anchor = 'start', size = 12, weight = 400, fill = FAINT } = style
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="${fill}">${escaped}</text>`
}

/** Rules and numbers of the vertical axis, numbers of the horizontal one and its name. */
export function axes({ left, width, bottom, x, y }: Frame, label: string, ticks = 6): string {
  const rows = y.ticks(ticks).map((tick) => {
    const at = y(tick).toFixed(1)
    const rule = `<line x1="${left}" x2="${left + width}" y1="${at}" y2="${at}" stroke="${GRID}"/>`
    return rule + text(left - 8, y(tick) + 4, y.tickFormat(ticks)(tick), { anchor: 'end' })
  })
  const columns = x.ticks(ticks).map((tick) => text(x(tick), bottom + 20, String(tick), { anchor: 'middle' }))
  const name = text(left + width / 2, bottom + 42, label, { anchor: 'middle' })
  return [...rows, ...columns, name].join('\n')
}

/** Writes `<path>.svg` and `<path>.png`, which is twice as large. */
export function writePicture(path: string, size: Size, body: readonly string[]): void {
  const svg = document(size, body)
  writeFileSync(`${path}.svg`, svg)
  writeFileSync(`${path}.png`, renderPng(svg, 2 * size.width))
}

function document({ width, height }: Size, body: readonly string[]): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`
  const background = `<rect width="${width}" height="${height}" fill="#ffffff"/>`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="Inter, sans-serif">\n${background}\n${body.join('\n')}\n</svg>\n`
}

/** Renders with the font of an npm package, so that a machine without fonts draws the same picture. */
function renderPng(svg: string, width: number): Uint8Array {
  const require = createRequire(import.meta.url)
  const fontFiles = Object.values(FONTS).map((file) => require.resolve(`@expo-google-fonts/inter/${file}`))
  const font = { fontFiles, loadSystemFonts: false, defaultFontFamily: 'Inter' }
  return new Resvg(svg, { font, fitTo: { mode: 'width', value: width } }).render().asPng()
}
