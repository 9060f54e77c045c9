/**
 * The project's side: `node worker.js <compiled directory> <threads> [--kernels]`, JSON lines on standard input and output.
 * A step is the trainer's own.
 */
import { createInterface } from 'node:readline'
import { LIBRARY_FILE } from '../../kernels/paths.js'
import { describeBackend, Trainer, type Batch } from '../../runtime/index.js'
import { memory, resetPeak } from '../memory.js'
import type { StepReply, StepRequest } from '../rival.js'
import { CLIP_NORM, LEARNING_RATE } from './recipe.js'

type Request = { op: 'hello' | 'memory' | 'reset' } | ({ op: 'step' } & StepRequest)

function tokenBatch(ids: readonly number[][]): Batch {
  const tokens = {
    dtype: 'int64',
    shape: [ids.length, ids[0]!.length],
    data: BigInt64Array.from(ids.flat(), BigInt),
  }
  return { inputs: { input_ids: tokens }, labels: tokens }
}

async function main(): Promise<void> {
  const [directory, threads, kernels] = process.argv.slice(2)
  const empty = memory().rss
  const trainer = await Trainer.open(directory!, {
    // far from its end; the learning rate is constant
    steps: 1e6,
    learningRate: LEARNING_RATE,
    clipNorm: CLIP_NORM,
    session: { threads: Number(threads), ...(kernels && { kernels: LIBRARY_FILE }) },
  })

  async function step({ ids, keep }: StepRequest): Promise<StepReply> {
    const batch = tokenBatch(ids)
    const start = performance.now()
    const { loss, skipped } = await trainer.trainStep([batch], [keep])
    const ms = performance.now() - start
    if (skipped) throw new Error(`the step was skipped: its ${skipped} is not finite`)
    return { ms, loss }
  }

  async function answer(request: Request): Promise<object> {
    if (request.op === 'hello') return { empty, about: describeBackend(trainer.backend!) }
    if (request.op === 'step') return step(request)
    if (request.op === 'reset') resetPeak()
    return memory()
  }

  for await (const line of createInterface({ input: process.stdin }))
    console.log(JSON.stringify(await answer(JSON.parse(line) as Request)))
  await trainer.release()
}

try {
  await main()
} catch (error) {
  // The last line is what the benchmark reports.
  console.error((error as Error).message)
  process.exit(1)
}
