/**
 * A side of bench/sessions.ts: `node worker.js <compiled directory> <threads>`, JSON lines on standard input and output. It
 * steps through the runtime's own graph, buffers and session options, and tells the optimizer's time apart.
 */
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Batch } from '../runtime/data/batch.js'
import { GradientSet } from '../runtime/training/gradients.js'
import { openCompiled } from '../runtime/manifest.js'
import { provingInPlace } from '../runtime/training/in-place.js'
import { TrainingState } from '../runtime/training/state.js'
import { TrainingGraph } from '../runtime/training/graph.js'
import { memory, resetPeak } from './memory.js'
import type { StepReply, StepRequest } from './rival.js'

type Request = ({ op: 'step' } & StepRequest) | { op: 'memory' } | { op: 'reset' }

/** Learning rate of the optimizer's step. */
const LEARNING_RATE = 1e-5

function tokenBatch(ids: readonly number[][]): Batch {
  const tokens = {
    dtype: 'int64',
    shape: [ids.length, ids[0]!.length],
    data: BigInt64Array.from(ids.flat(), BigInt),
  }
  return { inputs: { input_ids: tokens }, labels: tokens }
}

async function main(): Promise<void> {
  const [directory, threads] = process.argv.slice(2)
  const compiled = openCompiled(directory!)
  const graph = await TrainingGraph.open(compiled, { threads: Number(threads) })
  const state = TrainingState.fromFile(
    provingInPlace(compiled),
    path.join(directory!, compiled.manifest.checkpoint),
  )
  const gradients = new GradientSet(state.parameters)

  async function step({ ids, keep }: StepRequest): Promise<StepReply> {
    const batch = tokenBatch(ids)
    const start = performance.now()
    const loss = await graph.backward(state, batch, keep, gradients)
    const computed = performance.now()
    await graph.update(state, gradients, { learning_rate: LEARNING_RATE })
    const end = performance.now()
    return { ms: end - start, updateMs: end - computed, loss }
  }

  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request
    if (request.op === 'reset') resetPeak()
    console.log(JSON.stringify(request.op === 'step' ? await step(request) : memory()))
  }
  await graph.release()
}

await main()
