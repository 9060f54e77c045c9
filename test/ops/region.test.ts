import { expect, test } from 'vitest'
import { canonicalise } from '../../passes/canonicalise.js'
import { newContext } from '../../passes/compile.js'
import { runPasses } from '../../passes/pipeline.js'
import { float } from '../../src/builder.js'
import { region } from '../../src/ops/region.js'
import { parseModel } from '../../src/text.js'
import { checkFamily, constant, floats, ints, signed, type Sample } from './harness.js'

const x = signed(2, 3, 6, 5)
const rois = floats([3, 4], [0.2, 0.3, 3.1, 4.4, -1.5, -2, 2.2, 3.1, 1.1, 2.2, 6.3, 7.1])
const batch = ints([1, 0, 1])
const notInFloat16 = 'no kernel'

const align = (about: string, attributes: Sample['attributes'], more: Partial<Sample> = {}): Sample => ({
  about,
  inputs: [x, constant(rois), batch],
  attributes,
  notInFloat16,
  ...more,
})

const pool = (about: string, attributes: Sample['attributes']): Sample => ({
  about,
  inputs: [x, constant(floats([2, 5], [1, 0, 1, 3, 4, 0, 1.4, 2.2, 9, 3.7]))],
  attributes,
  notInFloat16,
})

checkFamily(region, {
  RoiAlign: [
    align('one sample a bin', { output_height: 3, output_width: 2, sampling_ratio: 1 }),
    align('two samples a bin', { output_height: 2, output_width: 2, sampling_ratio: 2 }),
    align('as many samples as pixels', { output_height: 2, output_width: 3 }),
    align('scaled, from corners', {
      output_height: 2,
      output_width: 2,
      sampling_ratio: 2,
      spatial_scale: float(0.5),
      coordinate_transformation_mode: 'output_half_pixel',
    }),
    align(
      'places too',
      { output_height: 2, output_width: 2, sampling_ratio: 2 },
      { inputs: [x, rois, batch] },
    ),
  ],
  MaxRoiPool: [
    pool('two regions', { pooled_shape: [2, 3] }),
    pool('scaled', { pooled_shape: [3, 2], spatial_scale: float(0.5) }),
  ],
})

test('RoiAlign takes means only', () => {
  const model = parseModel(
    'g (float[1,1,4,4] x, float[n,4] r, int64[n] b) => (float[n,1,1,1] y) { y = RoiAlign <mode = "max"> (x, r, b) }',
  )
  model.opsets.set('', 20)
  expect(() => runPasses(newContext(model), [canonicalise])).toThrow(
    expect.objectContaining({ code: 'no-gradient' }),
  )
})
