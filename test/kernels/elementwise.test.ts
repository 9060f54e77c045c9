import { checkFunction, floats, ODD, random, type Sample } from './harness.js'

/** Zeros, denormals, what overflows when squared, and what exponentials saturate at. */
const EXTREMES = [
  0, -0, 1e-45, -1e-40, 1e-20, 9, -9, 14.9, -15.1, 30, -30, 88.8, -88.8, 104, -104, 1e4, -1e4, 1e12, -1e12,
]
const HUGE = [1e20, -1e20, 3.4e38, -3.4e38]
const INFINITE = [Infinity, -Infinity, NaN]

/**
 * @param bodyTerms of slopes that are 1 or 0 but for a difference of larger numbers
 */
function samples(count: number, bodyTerms?: number): Sample[] {
  const odd = ODD.map((n) => ({
    about: `${n} elements`,
    bodyTerms,
    inputs: Array.from({ length: count }, () => random([n], 6)),
  }))
  return [...odd, { about: 'rank 3', inputs: Array.from({ length: count }, () => random([2, 3, 5])) }]
}

function at(points: readonly number[], count: number): Sample['inputs'] {
  const ones = Array.from({ length: count - 1 }, (_, k) =>
    floats(
      [points.length],
      points.map((_, i) => 1 - k + (i % 3)),
    ),
  )
  return [floats([points.length], points), ...ones]
}

checkFunction('GeluGrad_f32_v1', [
  ...samples(2, 6),
  { about: 'extremes', inputs: at([...EXTREMES, ...HUGE, ...INFINITE], 2) },
])

checkFunction('GeluTanhGrad_f32_v1', [
  ...samples(2, 50),
  { about: 'extremes', inputs: at([...EXTREMES, ...INFINITE], 2) },
  { about: 'huge', inputs: at(HUGE, 2), notInBody: 'x³ overflows in its operators' },
])

checkFunction('SwiGLU_f32_v1', [
  ...samples(2),
  { about: 'extremes', inputs: at([...EXTREMES, ...INFINITE], 2) },
])

checkFunction('SwiGLUGrad_f32_v1', [
  ...samples(3),
  { about: 'extremes', inputs: at([...EXTREMES, ...INFINITE], 3) },
])
