/** Weights of one-dimensional interpolation, as Resize defines them: nearest, linear, cubic, with or without antialiasing. */
import type { Node } from '../../ir.js'
import { invalid } from '../../op.js'

/** One axis of a Resize. */
export interface AxisForm {
  readonly input: number
  readonly output: number
  readonly scale: number
  /** Start and end, normalised, for `tf_crop_and_resize`. */
  readonly roi?: readonly [number, number] | undefined
}

/** A neighbour and its weight. */
type Tap = readonly [position: number, weight: number]

/** The weights [output, input] of an axis; a row of zeros where a coordinate is extrapolated. */
export function interpolation(node: Node, form: AxisForm): Float64Array {
  const weights = new Float64Array(form.output * form.input)
  for (let i = 0; i < form.output; i++) {
    const x = Math.fround(coordinate(node, form, i))
    if (form.roi && (x < 0 || x > form.input - 1)) continue
    for (const [at, weight] of taps(node, form, x)) {
      const clamped = Math.min(Math.max(at, 0), form.input - 1)
      weights[i * form.input + clamped]! += weight
    }
  }
  return weights
}

/** The coordinate of the input that output `i` reads; in float32, which decides between neighbours, as runtimes do. */
function coordinate(node: Node, { input, output, scale, roi }: AxisForm, i: number): number {
  const length = scale * input
  switch (node.string('coordinate_transformation_mode', 'half_pixel')) {
    case 'half_pixel':
      return Math.fround((i + 0.5) / scale) - 0.5
    case 'half_pixel_symmetric':
      return (input / 2) * (1 - output / length) + (i + 0.5) / scale - 0.5
    case 'pytorch_half_pixel':
      return output > 1 ? Math.fround((i + 0.5) / scale) - 0.5 : 0
    case 'align_corners':
      return output > 1 ? (i * (input - 1)) / (output - 1) : 0
    case 'asymmetric':
      return i / scale
    case 'tf_crop_and_resize': {
      const [start, end] = roi!
      if (output === 1) return 0.5 * (start + end) * (input - 1)
      return start * (input - 1) + (i * (end - start) * (input - 1)) / (output - 1)
    }
    default:
      throw invalid(
        node,
        'a known coordinate_transformation_mode',
        node.string('coordinate_transformation_mode', ''),
      )
  }
}

function taps(node: Node, form: AxisForm, x: number): Tap[] {
  const mode = node.string('mode', 'nearest')
  if (mode === 'nearest') return [[nearest(node.string('nearest_mode', 'round_prefer_floor'), x), 1]]
  const antialiased = node.int('antialias', 0) !== 0 && form.scale < 1
  const kernel = mode === 'cubic' ? cubicKernel(node.float('cubic_coeff_a', -0.75)) : linearKernel
  const radius = mode === 'cubic' ? 2 : 1
  const stretch = antialiased ? form.scale : 1
  const found = window(x, radius / stretch).map((at): Tap => [at, kernel((at - x) * stretch)])
  if (node.int('exclude_outside', 0)) return normalized(found.filter(([at]) => at >= 0 && at < form.input))
  return antialiased ? normalized(found) : found
}

/** Integers closer to x than `radius`. */
function window(x: number, radius: number): number[] {
  const [first, last] = [Math.floor(x - radius) + 1, Math.ceil(x + radius) - 1]
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

function normalized(found: readonly Tap[]): Tap[] {
  const total = found.reduce((sum, [, weight]) => sum + weight, 0)
  return found.map(([at, weight]) => [at, weight / total])
}

function linearKernel(x: number): number {
  return Math.max(0, 1 - Math.abs(x))
}

/** Keys' cubic convolution. */
function cubicKernel(a: number): (x: number) => number {
  return (x) => {
    const t = Math.abs(x)
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0
  }
}

function nearest(mode: string, x: number): number {
  if (mode === 'floor') return Math.floor(x)
  if (mode === 'ceil') return Math.ceil(x)
  const half = x - Math.floor(x) === 0.5
  if (half) return mode === 'round_prefer_ceil' ? Math.ceil(x) : Math.floor(x)
  return Math.round(x)
}
