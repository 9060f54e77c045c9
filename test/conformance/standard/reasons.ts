/** Cases that come out differently from what the standard expects, and why that is right. */
import type { Case } from './cases.js'

const RANDOM = /^(Bernoulli|Multinomial|RandomNormal|RandomUniform|RandomNormalLike|RandomUniformLike)$/

/** Of results that depend on a draw. */
export const DRAWN = 'the values are a random draw'

/** Whether a case's results are random draws, which have no gradient either. */
export function isDraw({ operators }: Case): boolean {
  return operators.some((op) => RANDOM.test(op))
}

/** Whether a case drops elements at random, which is differentiable once they are chosen. */
export function dropsAtRandom({ name }: Case): boolean {
  return /^test_training_dropout(?!.*zero_ratio)/.test(name)
}

/** Checks that come out differently for a reason; one that is listed and comes out right fails the suite. */
export const DIFFERS: Readonly<Record<string, { check: 'type' | 'forward' | 'gradient'; reason: string }>> = {
  test_bitcast_int64_to_float64: {
    check: 'forward',
    reason: 'integers beyond 2^53 are not exact as numbers',
  },
  ...same(['test_dynamicquantizelinear', 'test_dynamicquantizelinear_expanded'], 'forward', {
    reason: 'a quotient that float32 rounds to a half is less than a half in float64',
  }),
  test_maxunpool_export_with_output_shape: {
    check: 'forward',
    reason: 'ONNX Runtime, which runs the graph, takes positions in the output of the given shape',
  },
  ...same(
    [
      'test_resize_downsample_scales_linear_align_corners',
      'test_resize_downsample_scales_cubic_align_corners',
    ],
    'forward',
    {
      reason:
        'ONNX Runtime, which runs the graph, aligns the corners of the whole number of pixels that there are',
    },
  ),
  test_operator_sqrt: { check: 'gradient', reason: 'roots of negative numbers: NaN, as in PyTorch' },
  ...same(
    ['float16', 'float32', 'float64'].map((type) => `test_mod_float_edge_cases_fmod_0_${type}`),
    'gradient',
    { reason: 'the quotient of infinite operands: NaN, as in PyTorch' },
  ),
}

function same(names: readonly string[], check: 'forward' | 'gradient', { reason }: { reason: string }) {
  return Object.fromEntries(names.map((name) => [name, { check, reason }]))
}
