/** Rows whose label does not count: the head leaves them out, and loss and gradients stay what they are. */
import { describe, expect, it } from 'vitest'
import { compileModel, type Compilation } from '../../passes/compile.js'
import { selectRows } from '../../passes/select-rows.js'
import { expectPass, feed, runModel, type Feed } from '../helpers/expect-pass.js'
import { load, reference } from '../helpers/source-models.js'

const IGNORED = -100
const models = ['bert', 'gpt2', 'gpt2_static', 'llama_ts17_left']

/** The training graph's loss and gradients, all branches kept. */
async function run({ training, manifest, context }: Compilation, inputs: Record<string, Feed>, labels: Feed) {
  const feeds: Record<string, Feed> = { ...inputs, [manifest.loss.labels!.name]: labels }
  for (const { keep } of manifest.sites) feeds[keep] = feed('bool', [], [1])
  for (const { value } of context.differentiated!.parameters) {
    feeds[value.name] = feed('float32', value.data!.shape, value.data!.numbers())
  }
  return runModel(training, feeds)
}

/** Labels over the shape with those that `keeps` does not name ignored. */
function labelsOf(shape: readonly number[], keeps: (i: number) => boolean): Feed {
  const size = shape.reduce((a, b) => a * b, 1)
  const labels = Array.from({ length: size }, (_, i) => (keeps(i) ? (i * 11) % 61 : IGNORED))
  return feed('int64', [...shape], labels)
}

describe.each(models)('%s', (name) => {
  const source = load(name)
  const output = source.graph.outputs[0]!.name
  const [selected, whole] = [compileModel(source), compileModel(source, { outputs: [output] })]
  const { inputs } = reference(name)
  const labelShape = inputs.labels?.dims ?? Object.values(inputs)[0]!.dims

  it.each([
    ['all count', () => true],
    ['every third counts', (i: number) => i % 3 === 0],
    ['one counts', (i: number) => i === 4],
    ['none counts', () => false],
  ])('%s', async (_, keeps) => {
    const labels = labelsOf(labelShape, keeps)
    const { labels: _labels, ...given } = inputs
    const [got, want] = [await run(selected, given, labels), await run(whole, given, labels)]
    const { [output]: _logits, ...results } = want
    expect(Object.keys(got)).toEqual(Object.keys(results))
    const largest = (data: readonly number[]): number => Math.max(0, ...data.map(Math.abs))
    const most = Math.max(...Object.values(results).map(({ data }) => largest(data)))
    for (const [key, { data }] of Object.entries(results)) {
      // What is zero but for rounding, such as the gradient of a key's bias, has no scale of its own.
      const scale = Math.max(largest(data), 1e-3 * most, Number.MIN_VALUE)
      got[key]!.data.forEach((x, i) => expect(Math.abs(x - data[i]!) / scale, key).toBeLessThan(1e-5))
    }
  })

  it('states FLOPs as if every label counted', () => {
    expect(selected.manifest.flops).toEqual(whole.manifest.flops)
  })
})

const LABELS = 'int64[batch, seq] labels'
const WEIGHTS = 'float[8, 5] w, float[5] c, float cap, float[8] g'
const LOSS = 'com.dropbp.CrossEntropy <shift = 0, ignore_index = -100>'

describe('the head', () => {
  it('is what computes each row from one row', () => {
    expectPass(
      selectRows,
      `g (float[batch, seq, 8] x, ${LABELS}, ${WEIGHTS}) => (float loss) {
        sum = Add (x, x) n = com.dropbp.RMSNorm <axis = 2, epsilon = 0.1> (sum, g)
        y = MatMul (n, w) z = Add (c, y) s = Div (z, cap) t = Tanh (s) logits = Mul (t, cap)
        loss = ${LOSS} (logits, labels) }`,
    ).toBecome(
      `g (float[batch, seq, 8] x, ${LABELS}, ${WEIGHTS}) => (float loss)
        <int64[1] all = {-1}, int64 ignored = {-100}, int64[1] a0 = {0}, int64[2] by8 = {-1, 8}> {
        sum = Add (x, x)
        own = Reshape (labels, all) equal = Equal (own, ignored) counts = Not (equal)
        found = NonZero (counts) at = Squeeze (found, a0)
        flat = Reshape (sum, by8) r = Gather <axis = 0> (flat, at)
        n = com.dropbp.RMSNorm <axis = -1, epsilon = 0.1> (r, g)
        y = MatMul (n, w) z = Add (c, y) s = Div (z, cap) t = Tanh (s) logits = Mul (t, cap)
        target = Gather <axis = 0> (own, at)
        loss = ${LOSS} (logits, target) }`,
    )
  })

  it.each([
    ['are read elsewhere', 'y = MatMul (x, w) extra = Neg (y) logits = Add (y, extra)'],
    ['mix positions', 'y = MatMul (x, w) logits = CumSum (y, one)'],
    ['have no product', 'logits = Neg (x5)'],
  ])('stays whole where values %s', (_, body) => {
    expectPass(
      selectRows,
      `g (float[batch, seq, 8] x, float[batch, seq, 5] x5, ${LABELS}, float[8, 5] w) => (float loss)
        <int64 one = {1}> { ${body} loss = ${LOSS} (logits, labels) }`,
    ).toStay()
  })
})
