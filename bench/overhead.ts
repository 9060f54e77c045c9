/**
 * What the trainer adds to the bare `session.run` calls of its steps, and the memory that it takes.
 *
 *   node dist/bench/overhead.js <compiled directory> [--steps 12 --seq 512 --batch 1 --accumulate 1 --threads 2 --drop-rate 0]
 *
 * One training through the public API (data, masks, gradient norm, clipping, AdamW, events). The time in `Session.run` is taken
 * around every call of it, within the same steps, so that a busy machine changes both alike.
 */
import { parseArgs } from 'node:util'
import { Batches, openSession, TokenWindows, Trainer, type Session } from '../runtime/index.js'
import { sizeOf } from '../src/host-tensor.js'
import { memory, resetPeak } from './memory.js'
import { markdownTable, median, megabytes, quantile } from './statistics.js'

const DEFAULTS = { steps: 12, seq: 512, batch: 1, accumulate: 1, threads: 2, 'drop-rate': 0, vocab: 256 }
/** Steps before the first that counts. */
const WARM_UP = 2

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, value]) => [
      name,
      { type: 'string' as const, default: String(value) },
    ]),
  ),
})
const given = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, Number(value)]),
) as typeof DEFAULTS

/** Milliseconds inside sessions since the last reading. */
let running = 0

/** A session that adds up the time of its runs. */
function timed(session: Session): Session {
  const run: Session['run'] = async (feeds, fetches) => {
    const start = performance.now()
    try {
      return await session.run(feeds, fetches)
    } finally {
      running += performance.now() - start
    }
  }
  return new Proxy(session, { get: (of, key) => (key === 'run' ? run : Reflect.get(of, key, of)) })
}

async function main(): Promise<void> {
  const before = memory().rss
  const directory = positionals[0]!
  const trainer = await Trainer.open(directory, {
    steps: given.steps + WARM_UP,
    clipNorm: 1,
    dropbp: { dropRate: given['drop-rate'], seed: 1 },
    session: { threads: given.threads },
    sessionFactory: async (file, ...how) => {
      const session = await openSession(file, ...how)
      // the trainer's own little graphs are part of what it adds
      return file.startsWith(directory) ? timed(session) : session
    },
  })
  const parameters = trainer.state.parameters.reduce((n, { shape }) => n + 4 * sizeOf(shape), 0)
  const tokens = Int32Array.from({ length: 64 * given.seq }, (_, i) => (i * 7919) % given.vocab)
  const data = new Batches(trainer.compiled.manifest, new TokenWindows(tokens, given.seq), {
    batch: given.batch,
  })
  const loaded = memory().rss
  resetPeak()
  const shares: number[] = []
  const steps: number[] = []
  let last = performance.now()
  for await (const event of trainer.fit({ data, accumulate: given.accumulate })) {
    if (event.type !== 'step') continue
    const now = performance.now()
    if (event.step > WARM_UP) {
      steps.push(now - last)
      shares.push((now - last - running) / running)
    }
    running = 0
    last = performance.now()
  }
  const percent = (x: number): string => `${(100 * x).toFixed(2)}%`
  console.log(
    markdownTable(
      [
        'step, ms',
        'trainer over session.run',
        'quartiles',
        'parameters, MB',
        'loaded, MB',
        'peak, MB',
        'peak / parameters',
      ],
      [
        [
          median(steps).toFixed(0),
          percent(median(shares)),
          `${percent(quantile(shares, 0.25))}–${percent(quantile(shares, 0.75))}`,
          megabytes(parameters),
          megabytes(loaded - before),
          megabytes(memory().peak - before),
          ((memory().peak - before) / parameters).toFixed(2),
        ],
      ],
    ),
  )
  await trainer.release()
}

await main()
