/**
 * GPT-2 with random weights: the compiled training graph on onnxruntime-node against eager PyTorch with DropBP, at several
 * drop rates. Two processes take turns step by step (ABBA), with the same weights, tokens and masks; only one works at a time.
 *
 *   npm run build && node dist/bench/gpt2.js --python .venv/bin/python [--layers 2 --hidden 64 --heads 2 --vocab 256 --seq 64]
 *
 * Prints markdown; progress goes to standard error. Python needs torch, transformers, onnx, onnxscript.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { DropBPHandler } from '../runtime/dropbp/handler.js'
import { openCompiled } from '../runtime/manifest.js'
import { Random } from '../runtime/random.js'
import type { Memory } from './memory.js'
import { Rival, type StepReply, type StepRequest } from './rival.js'
import { markdownTable, median, megabytes, quantile } from './statistics.js'

const DIST = path.resolve(import.meta.dirname, '..')
const PYTHON_SIDE = path.resolve(DIST, '../bench/gpt2.py')
const SHAPE = { layers: 12, hidden: 768, heads: 12, vocab: 50257, seq: 512, batch: 1 }
/** Rest between two steps, until the other process's threads have stopped spinning. */
const REST_MS = 50
const WARM_UP = 2
/** Losses of the rivals may differ by this much, relatively; more would mean that they do not compute the same. */
const LOSS_TOLERANCE = 1e-3

type Shape = typeof SHAPE

interface Options {
  shape: Shape
  rates: number[]
  pairs: number
  threads: number
  python: string
  optimizer: boolean
  directory: string
}

/** Measurements at one drop rate; `a` is the compiled graph, `b` PyTorch. */
interface Result {
  rate: number
  dropped: number
  pairs: { a: StepReply; b: StepReply }[]
  memory: Record<'a' | 'b', { baseline: Memory; end: Memory }>
}

function readOptions(): Options {
  const numbers = Object.fromEntries(
    Object.entries(SHAPE).map(([name, value]) => [name, { type: 'string' as const, default: String(value) }]),
  )
  const { values } = parseArgs({
    options: {
      ...numbers,
      rates: { type: 'string', default: '0,0.5,0.75,0.9' },
      pairs: { type: 'string', default: '12' },
      threads: { type: 'string', default: '2' },
      python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
      optimizer: { type: 'boolean', default: false },
      directory: { type: 'string', default: '' },
    },
  })
  const given = values as unknown as Record<string, string>
  return {
    shape: Object.fromEntries(Object.keys(SHAPE).map((name) => [name, Number(given[name])])) as Shape,
    rates: given.rates!.split(',').map(Number),
    pairs: Number(given.pairs),
    threads: Number(given.threads),
    python: given.python!,
    optimizer: values.optimizer === true,
    directory: given.directory!,
  }
}

const shapeFlags = (shape: Shape): string[] =>
  Object.entries(shape).flatMap(([name, value]) => [`--${name}`, String(value)])

/** Exports and compiles; tells the compiler's time and peak memory. */
function compile(options: Options): { compiled: string; seconds: number; peak: number } {
  const model = path.join(options.directory, 'gpt2.onnx')
  const compiled = path.join(options.directory, 'gpt2.dropbp')
  progress('exporting')
  execFileSync(options.python, [PYTHON_SIDE, 'export', model, ...shapeFlags(options.shape)], {
    stdio: 'ignore',
  })
  progress('compiling')
  const peakFile = path.join(options.directory, 'peak')
  const start = performance.now()
  execFileSync(
    process.execPath,
    [
      '--import',
      path.join(DIST, 'bench/peak-at-exit.js'),
      path.join(DIST, 'src/cli/dropbp-compile.js'),
      model,
      '-o',
      compiled,
      '--force',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, PEAK_FILE: peakFile } },
  )
  return {
    compiled,
    seconds: (performance.now() - start) / 1e3,
    peak: Number(readFileSync(peakFile, 'utf8')),
  }
}

/** The same tokens and masks for both rivals. Masks have the rate's FLOPs each (the runtime's own policy). */
function makeRequests(
  compiled: string,
  rate: number,
  options: Options,
): { requests: StepRequest[]; dropped: number } {
  const { batch, seq, vocab } = options.shape
  const handler = new DropBPHandler(openCompiled(compiled).manifest, { dropRate: rate, seed: 1 })
  handler.setDims({ batch, seq })
  const random = Random.seeded(2, 0)
  const token = (): number => Math.floor(random.uniform() * vocab)
  const shares: number[] = []
  const requests = Array.from({ length: options.pairs + WARM_UP }, () => {
    const keep = [...handler.setDroppedLayers()]
    const flops = handler.backwardFlops()
    shares.push(flops.dropped / flops.total)
    return { ids: Array.from({ length: batch }, () => Array.from({ length: seq }, token)), keep }
  })
  return { requests, dropped: shares.reduce((sum, share) => sum + share, 0) / shares.length }
}

async function measure(compiled: string, rate: number, options: Options): Promise<Result> {
  const { requests, dropped } = makeRequests(compiled, rate, options)
  const extra = options.optimizer ? ['--optimizer'] : []
  const threads = String(options.threads)
  const worker = [path.join(DIST, 'bench/worker.js'), compiled, threads, ...extra]
  const a = Rival.start('worker.js', process.execPath, worker)
  const b = Rival.start('gpt2.py', options.python, [
    PYTHON_SIDE,
    'work',
    ...shapeFlags(options.shape),
    '--threads',
    threads,
    ...extra,
  ])
  try {
    const baseline = { a: await a.reset(), b: await b.reset() }
    const pairs: Result['pairs'] = []
    for (const [i, request] of requests.entries()) {
      const pair = i % 2 === 0 ? await inOrder(a, b, request) : (await inOrder(b, a, request)).reverse()
      progress(`rate ${rate}: pair ${i + 1} of ${requests.length}`)
      const [ours, theirs] = pair as [StepReply, StepReply]
      checkLosses(ours, theirs)
      if (i >= WARM_UP) pairs.push({ a: ours, b: theirs })
    }
    const end = { a: await a.memory(), b: await b.memory() }
    return {
      rate,
      dropped,
      pairs,
      memory: { a: { baseline: baseline.a, end: end.a }, b: { baseline: baseline.b, end: end.b } },
    }
  } finally {
    await Promise.all([a.stop(), b.stop()])
  }
}

async function inOrder(first: Rival, second: Rival, request: StepRequest): Promise<StepReply[]> {
  const one = await first.step(request)
  await sleep(REST_MS)
  const two = await second.step(request)
  await sleep(REST_MS)
  return [one, two]
}

function checkLosses(ours: StepReply, theirs: StepReply): void {
  if (Math.abs(ours.loss / theirs.loss - 1) < LOSS_TOLERANCE) return
  throw new Error(`the rivals do not compute the same: loss ${ours.loss} and ${theirs.loss}`)
}

function timeRow({ rate, dropped, pairs }: Result): string[] {
  const [a, b] = [pairs.map((p) => p.a.ms), pairs.map((p) => p.b.ms)]
  const ratios = pairs.map((p) => p.a.ms / p.b.ms)
  return [
    String(rate),
    `${(100 * dropped).toFixed(0)}%`,
    milliseconds(median(a)),
    milliseconds(median(b)),
    median(ratios).toFixed(2),
    `${quantile(ratios, 0.25).toFixed(2)}–${quantile(ratios, 0.75).toFixed(2)}`,
    `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
  ]
}

const milliseconds = (x: number): string => x.toFixed(x < 100 ? 1 : 0)

function memoryRow({ rate, memory }: Result): string[] {
  const above = ({ baseline, end }: Result['memory']['a']): number => end.peak - baseline.rss
  return [
    String(rate),
    megabytes(above(memory.a)),
    megabytes(above(memory.b)),
    (above(memory.a) / above(memory.b)).toFixed(2),
    megabytes(memory.a.end.peak),
    megabytes(memory.b.end.peak),
  ]
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function report(
  options: Options,
  compilation: { seconds: number; peak: number },
  results: readonly Result[],
): void {
  const { layers, hidden, heads, vocab, seq, batch } = options.shape
  const versions = JSON.parse(
    execFileSync(options.python, [PYTHON_SIDE, 'versions'], { encoding: 'utf8' }),
  ) as { torch: string }
  const ort = JSON.parse(
    readFileSync(path.resolve(DIST, '../node_modules/onnxruntime-node/package.json'), 'utf8'),
  ) as { version: string }
  const what = options.optimizer ? 'forward, backward and AdamW' : 'forward and backward'
  console.log(
    `GPT-2: ${layers} layers, hidden ${hidden}, ${heads} heads, vocabulary ${vocab}; ${batch}×${seq} tokens; ${what}.`,
  )
  console.log(
    `${os.cpus()[0]!.model.trim()}, ${options.threads} threads; onnxruntime-node ${ort.version}, PyTorch ${versions.torch}, Node ${process.version}.`,
  )
  console.log(`Compilation: ${compilation.seconds.toFixed(1)} s, peak ${megabytes(compilation.peak)} MB.\n`)
  console.log(`Medians of ${options.pairs} pairs.\n`)
  console.log(
    markdownTable(
      ['drop rate', 'backward FLOPs dropped', 'dropbp ms', 'PyTorch ms', 'ratio', 'quartiles', 'range'],
      results.map(timeRow),
    ),
  )
  console.log(`\nPeak memory, MB: above the loaded weights, and of the whole process.\n`)
  console.log(
    markdownTable(
      ['drop rate', 'dropbp', 'PyTorch', 'ratio', 'dropbp process', 'PyTorch process'],
      results.map(memoryRow),
    ),
  )
}

async function main(): Promise<void> {
  const options = readOptions()
  const temporary = options.directory === ''
  if (temporary) options.directory = mkdtempSync(path.join(os.tmpdir(), 'dropbp-bench-'))
  else mkdirSync(options.directory, { recursive: true })
  try {
    const compilation = compile(options)
    const results: Result[] = []
    for (const rate of options.rates) results.push(await measure(compilation.compiled, rate, options))
    progress('')
    report(options, compilation, results)
  } finally {
    if (temporary) rmSync(options.directory, { recursive: true })
  }
}

await main()
