/** Disks that are really full: one coded error, and nothing of what was there before is lost. */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import {
  History,
  latestCheckpoint,
  readMetrics,
  Recorder,
  SINKS,
  writeCard,
  type RunFacts,
  type SinkName,
  type Trainer,
  type TrainEvent,
} from '../../runtime/index.js'
import { storeRows, type PlacedRow } from '../../runtime/data/sources/store.js'
import { SmallDisk } from '../helpers/small-disk.js'
import { openTiny, SOURCE, temporaryDirectory, TINY, tinyData, TOKENS } from './tiny.js'

const CLI = path.join(import.meta.dirname, '../../dist/src/cli/dropbp-train.js')
const DISK_FULL = expect.objectContaining({ code: 'disk-full', kind: 'io' }) as unknown

/** Runs `work` with a small disk, if there can be one. */
async function onDisk(
  kib: number,
  skip: (reason?: string) => never,
  work: (disk: SmallDisk) => Promise<void>,
) {
  const disk = SmallDisk.mount(path.join(temporaryDirectory(), 'disk'), kib, skip)
  try {
    await work(disk)
  } finally {
    disk.unmount()
  }
}

/** All files below a directory with their content, but for what fills the disk. */
function contents(directory: string): Record<string, string> {
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' })
  const files = names.filter((n) => n !== 'ballast' && fs.statSync(path.join(directory, n)).isFile())
  return Object.fromEntries(files.map((n) => [n, fs.readFileSync(path.join(directory, n), 'base64')]))
}

describe('what a training writes', () => {
  const writers: Record<string, (trainer: Trainer, directory: string) => unknown> = {
    'a checkpoint': (trainer, directory) => trainer.save(path.join(directory, 'checkpoint'), null),
    'model.onnx': (trainer, directory) => trainer.exportModel(path.join(directory, 'model.onnx'), SOURCE),
    'model.safetensors': (trainer, directory) =>
      trainer.exportParameters(path.join(directory, 'model.safetensors'), SOURCE),
  }

  it.for(Object.entries(writers))('%s: the old one stays as it was', async ([, write], { skip }) => {
    await onDisk(512, skip, async (disk) => {
      const trainer = await openTiny({ steps: 2 })
      const data = tinyData(trainer)
      await trainer.trainStep([data.next()])
      write(trainer, disk.directory)
      const before = contents(disk.directory)
      await trainer.trainStep([data.next()])
      for (const left of [0, 4, 12]) {
        disk.fill(left)
        expect(() => write(trainer, disk.directory)).toThrow(DISK_FULL)
        expect(contents(disk.directory)).toEqual(before)
      }
      disk.free()
      write(trainer, disk.directory)
      expect(contents(disk.directory)).not.toEqual(before)
    })
  })
})

describe('what a training records', () => {
  const step = (n: number): TrainEvent => ({
    type: 'step',
    step: n,
    loss: 1 / n,
    learningRate: 0.1,
    gradientNorm: 1,
    skipped: null,
    masks: [],
    dropRate: 0,
    backwardSkipped: 0,
    tokens: 16,
    milliseconds: 3,
    memory: 2 ** 28,
  })
  const facts: RunFacts = {
    model: 'tiny',
    trainable: 1,
    parameters: 1,
    sites: [],
    steps: 100_000,
    data: 'data',
    optimizer: 'adamw',
    dropRate: 0,
    settings: {},
  }

  it.for(Object.keys(SINKS) as SinkName[])(
    '%s holds whole records, or what it held before',
    async (name, { skip }) => {
      await onDisk(512, skip, async (disk) => {
        const recorder = await Recorder.open({ directory: disk.directory, facts, done: 0 }, [name])
        for (let n = 1; n <= 50; n++) recorder.event(step(n))
        recorder.flush()
        const before = contents(disk.directory)
        disk.fill()
        const more = (): void => {
          for (let n = 51; n < 1000; n++) recorder.event(step(n))
          recorder.flush()
        }
        expect(more).toThrow(DISK_FULL)
        const after = contents(disk.directory)
        expect(Object.keys(after)).toEqual(Object.keys(before))
        for (const [file, content] of Object.entries(after)) {
          const [old, now] = [before[file]!, content].map((text) => Buffer.from(text, 'base64')) as [
            Buffer,
            Buffer,
          ]
          expect(now.subarray(0, old.length).equals(old)).toBe(true)
          expect(isWhole(name, now)).toBe(true)
        }
        disk.free()
        recorder.close()
      })
    },
  )

  /** Whether a file ends where a record ends. */
  function isWhole(name: SinkName, bytes: Buffer): boolean {
    if (name === 'html') return bytes.toString().endsWith('</html>\n')
    if (name !== 'tensorboard') return bytes.at(-1) === 0x0a
    let at = 0
    // A record: its length in eight bytes, their checksum, the event, its checksum.
    while (at + 12 <= bytes.length) at += 12 + Number(bytes.readBigUInt64LE(at)) + 4
    return at === bytes.length
  }

  it('the card', async ({ skip }) => {
    await onDisk(64, skip, async (disk) => {
      const { compiled } = await openTiny({ steps: 1 })
      const context = { facts, history: new History(), manifest: compiled.manifest, step: 1, files: [] }
      writeCard(disk.directory, context)
      const before = contents(disk.directory)
      disk.fill()
      expect(() => writeCard(disk.directory, { ...context, step: 2 })).toThrow(DISK_FULL)
      expect(contents(disk.directory)).toEqual(before)
    })
  })
})

it('records that do not fit into the temporary directory', async ({ skip }) => {
  await onDisk(64, skip, async (disk) => {
    vi.stubEnv('TMPDIR', disk.directory)
    const rows = Array.from({ length: 100 }, (_, i): PlacedRow => [{ text: 'x'.repeat(1000) }, i])
    await expect(storeRows(rows, String, 1000)).rejects.toEqual(DISK_FULL)
    expect(fs.readdirSync(disk.directory)).toEqual([])
    vi.unstubAllEnvs()
  })
})

describe('dropbp-train', () => {
  const run = (out: string, ...more: string[]) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      const args = [TINY, '--out', out, '--threads', '1', '--json', ...more]
      const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
      const texts = { stdout: '', stderr: '' }
      for (const name of ['stdout', 'stderr'] as const)
        child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text))
      child.on('close', (code) => resolve({ code, ...texts }))
    })
  const fresh = ['--data', TOKENS, '--seq', '8', '--batch', '2', '--lr', '0.01', '--steps', '200']
  const lossesIn = (directory: string): unknown[] =>
    readMetrics(directory).flatMap((record) => (record.type === 'step' ? [record.loss] : []))

  it.for([
    ['a checkpoint does not fit', ['--save-every', '3', '--keep', '50']],
    ['a record does not fit', ['--save-every', '40']],
  ] as const)(
    '%s: told once, and resumed from the last checkpoint to the same end',
    async ([, flags], { skip }) => {
      const whole = temporaryDirectory()
      expect(await run(whole, ...fresh, ...flags)).toMatchObject({ code: 0, stderr: '' })
      await onDisk(4096, skip, async (disk) => {
        const out = path.join(disk.directory, 'out')
        disk.fill(300)
        const full = await run(out, ...fresh, ...flags)
        expect(full.code).toBe(3)
        expect(full.stderr).toMatch(
          /^dropbp-train: disk-full: cannot write .*; the checkpoint of step \d+ is whole, go on with: dropbp-train .* --resume --out .*\n$/,
        )
        const last = latestCheckpoint(path.join(out, 'checkpoint'))
        expect(last.damaged).toEqual([])
        expect(full.stderr).toContain(`the checkpoint of step ${last.step} is whole`)
        disk.free()
        expect(await run(out, '--resume')).toMatchObject({ code: 0, stderr: '' })
        expect(lossesIn(out)).toEqual(lossesIn(whole))
        for (const file of ['model.onnx', 'model.safetensors'])
          expect(fs.readFileSync(path.join(out, file)).equals(fs.readFileSync(path.join(whole, file)))).toBe(
            true,
          )
      })
    },
  )

  it('saves where the log that it writes to is on a full disk', async ({ skip }) => {
    const out = temporaryDirectory()
    await onDisk(64, skip, async (disk) => {
      disk.fill(4)
      const log = fs.openSync(path.join(disk.directory, 'log'), 'w')
      const child = spawn(process.execPath, [CLI, TINY, '--out', out, '--json', ...fresh], {
        stdio: ['ignore', log, 'pipe'],
      })
      let stderr = ''
      child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      const code = await new Promise((resolve) => child.on('close', resolve))
      fs.closeSync(log)
      expect(code).toBe(3)
      expect(stderr).toMatch(/^dropbp-train: write-failed: cannot write to standard output: .*ENOSPC.*\n$/)
      const { step } = latestCheckpoint(path.join(out, 'checkpoint'))
      expect(step).toBe(readMetrics(out).findLast((record) => record.type === 'step')!.step)
    })
  })
})
