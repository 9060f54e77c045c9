/** Checks of the forward: the same numbers as the source model. */
import type { HostTensor } from '../../host-tensor.js'
import { numbersOf, type Bench } from './bench.js'
import { referenceLoss } from './reference-loss.js'
import { compared, distance, relativeError, type CheckResult } from './results.js'

/** The source model's outputs, in its order. */
export async function sourceOutputs(bench: Bench): Promise<HostTensor[]> {
  const session = await bench.open('source')
  const results = await bench.run(session, bench.sourceInputs)
  return bench.source.graph.outputs.map((v) => results[v.name]!)
}

/** Outputs of the annotated model. */
export async function checkAnnotated(bench: Bench, expected: readonly HostTensor[]): Promise<CheckResult> {
  const session = await bench.open('annotated')
  const results = await bench.run(session, bench.inputs)
  const order = bench.source.graph.outputs.map((v) => v.name)
  const errors = session.outputs.map((name) =>
    relativeError(numbersOf(results[name]!), numbersOf(expected[order.indexOf(name)]!)),
  )
  return compared(
    'annotated model',
    errors,
    bench.sourceTolerance(1e-5),
    "outputs against the source model's",
  )
}

/** Loss of the evaluation graph, against the loss of the source model's output worked out apart. */
export function checkForward(bench: Bench, output: HostTensor, got: number): CheckResult {
  const { loss } = bench.manifest
  const tensor = (t: HostTensor): { shape: readonly number[]; data: ArrayLike<number> } => ({
    shape: t.shape,
    data: numbersOf(t),
  })
  const expected = referenceLoss(loss, tensor(output), bench.labels && tensor(bench.labels))
  const what = loss.kind === 'output' ? 'loss' : `${loss.kind} loss`
  return compared(
    'evaluation graph',
    [distance(got, expected)],
    bench.sourceTolerance(1e-5),
    `${what} ${got.toFixed(5)} against the source model's`,
  )
}
