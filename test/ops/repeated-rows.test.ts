/** Rows that are added to often, by several threads: ONNX Runtime's ScatterND loses some of the additions. */
import ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { compileModel, encodeModel } from '../../src/index.js'
import { parseModel } from '../../src/text.js'

const [VOCABULARY, WIDTH, TOKENS] = [32, 64, 4096]

const MODEL = `<ir_version: 8, opset_import: ["" : 17]>
table (int64[tokens] ids) => (float[tokens, ${WIDTH}] y) <float[${VOCABULARY}, ${WIDTH}] w = {${new Array(VOCABULARY * WIDTH).fill(0.5).join(', ')}}> {
  y = Gather (w, ids)
}`

test('an embedding of tokens that repeat has the same gradient with four threads, every time', async () => {
  const { training, manifest } = compileModel(parseModel(MODEL), { loss: { kind: 'mse' } })
  const session = await ort.InferenceSession.create(encodeModel(training), {
    intraOpNumThreads: 4,
    logSeverityLevel: 3,
  })
  const [w] = manifest.parameters
  const feeds = {
    ids: new ort.Tensor(
      'int64',
      BigInt64Array.from({ length: TOKENS }, (_, i) => BigInt((i * 7) % 5)),
      [TOKENS],
    ),
    [manifest.loss.labels!.name]: new ort.Tensor('float32', new Float32Array(TOKENS * WIDTH), [
      TOKENS,
      WIDTH,
    ]),
    [w!.input!]: new ort.Tensor('float32', new Float32Array(VOCABULARY * WIDTH).fill(0.5), [
      VOCABULARY,
      WIDTH,
    ]),
  }
  // of the mean of squares: 2·w/size, as often as the token occurs
  const expected = Array.from({ length: VOCABULARY }, (_, row) => {
    const times = Array.from({ length: TOKENS }, (_, i) => (i * 7) % 5).filter((id) => id === row).length
    return (2 * 0.5 * times) / (TOKENS * WIDTH)
  })
  for (let round = 0; round < 20; round++) {
    const gradient = (await session.run(feeds))[w!.gradient!]!.data as Float32Array
    for (const [i, x] of gradient.entries()) {
      const want = expected[Math.floor(i / WIDTH)]!
      if (Math.abs(x - want) > 1e-4 * want)
        expect.fail(`round ${round}, element ${i}: ${x}, expected ${want}`)
    }
  }
  await session.release()
})
