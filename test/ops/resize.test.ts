import { float } from '../../src/builder.js'
import { resize } from '../../src/ops/resize.js'
import { checkFamily, constant, floats, ints, signed, type Sample } from './harness.js'

const x = signed(1, 2, 5, 7)
const factors = (...f: number[]) => constant(floats([f.length], f))

const image = (about: string, factor: [number, number], attributes: Sample['attributes'] = {}): Sample => ({
  about,
  inputs: [x, null, factors(1, 1, ...factor)],
  attributes: { ...attributes },
  notInFloat16: 'no kernel',
})

/** To given sizes, which leaves batch and channels open. */
const sized = (about: string, size: [number, number], attributes: Sample['attributes'] = {}): Sample => ({
  about,
  inputs: [x, null, null, ints(size)],
  attributes: { axes: [2, 3], ...attributes },
  notInFloat16: 'no kernel',
})

/** A common factor for both axes. */
const aspect = (about: string, attributes: Sample['attributes']): Sample => ({
  ...sized(about, [10, 10], attributes),
  notSymbolic: 'the factor depends on the sizes',
})

const linear = { mode: 'linear' }
const cubic = { mode: 'cubic' }
const modes = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric', 'half_pixel_symmetric']

checkFamily(resize, {
  Resize: [
    image('nearest', [2, 3]),
    ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].map((m) =>
      image(`nearest, ${m}`, [1.5, 0.6], { nearest_mode: m }),
    ),
    ...modes.map((m) => image(`linear, ${m}`, [1.7, 0.7], { ...linear, coordinate_transformation_mode: m })),
    ...modes.map((m) => image(`cubic, ${m}`, [2.5, 0.8], { ...cubic, coordinate_transformation_mode: m })),
    image('cubic, another coefficient, inside only', [1.6, 1.2], {
      ...cubic,
      cubic_coeff_a: float(-0.5),
      exclude_outside: 1,
    }),
    image('linear, antialiased', [0.6, 0.5], { ...linear, antialias: 1 }),
    image('cubic, antialiased', [0.6, 0.7], { ...cubic, antialias: 1 }),
    sized('linear sizes', [8, 3], linear),
    sized('cubic sizes', [10, 9], cubic),
    sized('one column', [4, 1], { ...linear, coordinate_transformation_mode: 'pytorch_half_pixel' }),
    aspect('no larger', { ...linear, keep_aspect_ratio_policy: 'not_larger' }),
    aspect('no larger, cubic', { ...cubic, keep_aspect_ratio_policy: 'not_larger' }),
    aspect('no smaller', { ...linear, keep_aspect_ratio_policy: 'not_smaller' }),
    {
      about: 'cropped',
      inputs: [x, factors(0, 0, -0.1, 0.2, 1, 1, 0.8, 1.15), null, ints([1, 2, 4, 6])],
      attributes: {
        ...linear,
        coordinate_transformation_mode: 'tf_crop_and_resize',
        extrapolation_value: float(9),
      },
      notInFloat16: 'no kernel',
    },
  ],
  Upsample: [
    { about: 'nearest', inputs: [x, factors(1, 1, 2, 3)], notInRuntime: 'gone in opset 10' },
    {
      about: 'linear',
      inputs: [x, factors(1, 1, 2, 3)],
      attributes: linear,
      notInRuntime: 'gone in opset 10',
    },
  ],
})
