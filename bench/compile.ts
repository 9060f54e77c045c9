/**
 * Compile time against depth: GPT-2 of 12, 24, 48 and 96 layers, as the TorchScript exporter decomposes it, of a hidden size
 * that makes weights irrelevant. `npm run bench:compile` fails where 96 layers take more than 10 times as long as 12.
 */
import { compileModel } from '../passes/compile.js'
import { encodeModel, readModel } from '../src/onnx/index.js'
import { gpt } from './gpt-text.js'

const LAYERS = [12, 24, 48, 96] as const
const REPEATS = 3
/** Linear would be 8. */
const LIMIT = 10

/** Median seconds of processor time of a compilation, models encoded: a busy machine does not matter much. */
function seconds(layers: number): number {
  const source = readModel(encodeModel(gpt({ layers })))
  const times = Array.from({ length: REPEATS }, () => {
    const start = process.cpuUsage()
    const { manifest, training, evaluation, optimizer, annotated } = compileModel(source, {
      loss: { kind: 'causal-lm' },
    })
    for (const model of [training, evaluation, optimizer, annotated]) encodeModel(model)
    if (manifest.sites.length !== 2 * layers)
      throw new Error(`${manifest.sites.length} sites in ${layers} layers`)
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1e6
  })
  return times.sort((a, b) => a - b)[Math.floor(REPEATS / 2)]!
}

// The first compilation also compiles the compiler.
seconds(LAYERS[0])
const measured = LAYERS.map((layers) => ({ layers, time: seconds(layers) }))
const [shallow] = measured
for (const { layers, time } of measured)
  console.log(
    `${String(layers).padStart(3)} layers  ${time.toFixed(2)} s  ${(time / shallow!.time).toFixed(1)} times`,
  )
const ratio = measured.at(-1)!.time / shallow!.time
if (ratio > LIMIT) {
  console.error(`96 layers take ${ratio.toFixed(1)} times as long as 12, more than ${LIMIT}`)
  process.exitCode = 1
}
