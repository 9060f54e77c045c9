/** Files larger than the memory that is allowed. Built files are needed (`npm test` builds first). */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { temporaryDirectory } from '../tiny.js'

const run = promisify(execFile)

/** Writes a file part by part. */
function large(name: string, head: string, count: number, line: (i: number) => string): string {
  const file = path.join(temporaryDirectory(), name)
  const fd = fs.openSync(file, 'w')
  fs.writeSync(fd, head)
  for (let i = 0; i < count; i += 1000)
    fs.writeSync(fd, Array.from({ length: 1000 }, (_, k) => line(i + k)).join(''))
  fs.closeSync(fd)
  return file
}

const FILLER = 'The quick brown fox jumps over the lazy dog. '.repeat(40)
const text = (i: number): string => `${String(i).padStart(9, '0')} ${FILLER}`

it.each<[string, number, () => string]>([
  ['JSON lines', 40, () => large('a.jsonl', '', 60_000, (i) => `${JSON.stringify({ text: text(i) })}\n`)],
  ['CSV', 64, () => large('a.csv', 'id,text\n', 80_000, (i) => `${i},"${text(i)}"\n`)],
  ['tokens', 40, () => large('a.bin', '', 30_000, (i) => [...text(i)].map((c) => `${c}\0`).join(''))],
])(
  '%s: a heap of %d MB is enough for twice as much, and the process grows by less',
  async (_, heap, make) => {
    const file = make()
    const megabytes = fs.statSync(file).size / 2 ** 20
    const script = path.join(import.meta.dirname, 'stream.mjs')
    const { stdout } = await run(process.execPath, [`--max-old-space-size=${heap}`, script, file, '512'])
    const told = JSON.parse(stdout) as { examples: { train: number }; distinct: number; megabytes: number }
    expect(megabytes).toBeGreaterThan(2 * heap)
    expect(told.examples.train).toBeGreaterThanOrEqual(59_900)
    expect(told.distinct).toBeGreaterThanOrEqual(FILLER.length / 40)
    expect(told.megabytes).toBeLessThan(megabytes)
  },
  180_000,
)
