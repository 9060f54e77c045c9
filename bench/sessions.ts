/**
 * The native session against onnxruntime-node: time of a step and of its AdamW part, and memory, on a compiled model with the
 * input `input_ids`.
 *
 *   npm run build && node dist/bench/sessions.js <compiled directory> [--pairs 8 --rates 0,0.5 --threads 2 --seq 512 --batch 1]
 *
 * Two processes take turns step by step (ABBA) with the same tokens and masks. With one thread their losses have to be equal to
 * the last bit; with more, to 1e-4.
 */
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { DropBPHandler } from '../runtime/dropbp/handler.js'
import { openCompiled } from '../runtime/manifest.js'
import type { Memory } from './memory.js'
import { Rival, type StepReply, type StepRequest } from './rival.js'
import { markdownTable, median, megabytes, quantile } from './statistics.js'

const BACKENDS = ['native', 'node'] as const
type Pair = Record<(typeof BACKENDS)[number], StepReply>

/** Rest between two steps, until the other process's threads have stopped spinning. */
const REST_MS = 50
const WARM_UP = 2
/** Tokens are drawn below this, which every vocabulary reaches. */
const TOKENS = 256

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pairs: { type: 'string', default: '8' },
    rates: { type: 'string', default: '0,0.5' },
    threads: { type: 'string', default: '2' },
    seq: { type: 'string', default: '512' },
    batch: { type: 'string', default: '1' },
  },
})
const directory = positionals[0]!
/** Relative difference of losses. */
const TOLERANCE = values.threads === '1' ? 0 : 1e-4
const [pairs, seq, batch] = [values.pairs, values.seq, values.batch].map(Number) as [number, number, number]

function requestsOf(rate: number): StepRequest[] {
  const handler = new DropBPHandler(openCompiled(directory).manifest, { dropRate: rate, seed: 1 })
  handler.setDims({ batch, seq })
  return Array.from({ length: pairs + WARM_UP }, (_, k) => ({
    keep: [...handler.setDroppedLayers()],
    ids: Array.from({ length: batch }, () => Array.from({ length: seq }, (_, i) => (i * 7919 + k) % TOKENS)),
  }))
}

async function measure(rate: number): Promise<{ pairs: Pair[]; memory: Record<string, [Memory, Memory]> }> {
  const worker = [path.join(import.meta.dirname, 'worker.js'), directory, values.threads]
  const rivals = BACKENDS.map((backend) =>
    Rival.start(backend, process.execPath, worker, { DROPBP_SESSION: backend }),
  )
  try {
    const before = [await rivals[0]!.reset(), await rivals[1]!.reset()]
    const measured: Pair[] = []
    for (const [i, request] of requestsOf(rate).entries()) {
      const replies: StepReply[] = []
      for (const k of i % 2 === 0 ? [0, 1] : [1, 0]) {
        replies[k] = await rivals[k]!.step(request)
        await sleep(REST_MS)
      }
      const [native, node] = replies as [StepReply, StepReply]
      if (Math.abs(native.loss / node.loss - 1) > TOLERANCE)
        throw new Error(`losses differ: ${native.loss} and ${node.loss}`)
      if (i >= WARM_UP) measured.push({ native, node })
    }
    const memory: Record<string, [Memory, Memory]> = {}
    for (const [k, name] of BACKENDS.entries()) memory[name] = [before[k]!, await rivals[k]!.memory()]
    return { pairs: measured, memory }
  } finally {
    await Promise.all(rivals.map((rival) => rival.stop()))
  }
}

function row(what: string, rate: number, measured: readonly Pair[], of: (r: StepReply) => number): string[] {
  const ratios = measured.map(({ native, node }) => of(native) / of(node))
  const [native, node] = BACKENDS.map((name) => median(measured.map((pair) => of(pair[name]))).toFixed(0))
  const quartiles = [0.25, 0.75].map((q) => quantile(ratios, q).toFixed(2)).join('–')
  return [what, String(rate), native!, node!, median(ratios).toFixed(2), quartiles]
}

const times: string[][] = []
const memories: string[][] = []
for (const rate of values.rates.split(',').map(Number)) {
  const { pairs: measured, memory } = await measure(rate)
  times.push(row('forward and backward', rate, measured, (r) => r.ms - r.updateMs!))
  times.push(row('AdamW', rate, measured, (r) => r.updateMs!))
  times.push(row('step', rate, measured, (r) => r.ms))
  const above = (name: string): number => memory[name]![1].peak - memory[name]![0].rss
  const [native, node] = BACKENDS.map(above) as [number, number]
  const whole = BACKENDS.map((name) => megabytes(memory[name]![1].peak))
  memories.push([String(rate), megabytes(native), megabytes(node), (native / node).toFixed(2), ...whole])
}
console.log(
  `Medians of ${pairs} pairs, ${values.threads} threads, ${batch}×${seq} tokens; below 1, native is better.\n`,
)
console.log(markdownTable(['what', 'drop rate', 'native, ms', 'node, ms', 'ratio', 'quartiles'], times))
console.log(
  '\nPeak memory, MB: above what is resident once the weights are loaded, and of the whole process.\n',
)
console.log(
  markdownTable(['drop rate', 'native', 'node', 'ratio', 'native process', 'node process'], memories),
)
