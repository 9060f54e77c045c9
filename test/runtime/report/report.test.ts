/** What a training leaves behind to look at: lines, tables, TensorBoard's events, a page. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  Recorder,
  readMetrics,
  SINKS,
  type RunFacts,
  type SinkName,
  type TrainEvent,
} from '../../../runtime/index.js'
import { crc32c, maskedCrc32c } from '../../../runtime/report/tensorboard/crc32c.js'
import { temporaryDirectory } from '../tiny.js'

const SITES = 4
const facts = (steps: number): RunFacts => ({
  model: 'a <small> model',
  trainable: 1000,
  parameters: 1200,
  sites: Array.from({ length: SITES }, (_, i) => ({ name: `h.${i}`, kind: 'mlp' })),
  steps,
  data: '10 windows',
  optimizer: 'adamw',
  dropRate: 0.5,
  settings: { 'learning-rate': 0.001, data: ['a.txt', 'b.txt'] },
})

/** Events of steps `from` + 1 to `to`. */
function events(from: number, to: number): TrainEvent[] {
  return Array.from({ length: to - from }, (_, i) => from + i + 1).flatMap((step): TrainEvent[] => [
    {
      type: 'step',
      step,
      loss: step === 3 ? NaN : 2 + 1 / step,
      learningRate: 1e-3,
      gradientNorm: step === 3 ? NaN : 1,
      skipped: step === 3 ? 'loss' : null,
      masks: [[true, false, step % 2 === 0, false]],
      dropRate: 0.5,
      backwardSkipped: 0.4,
      tokens: 100,
      milliseconds: 50,
      memory: 2 ** 28,
    },
    ...(step % 5 === 0
      ? ([
          {
            type: 'evaluation',
            step,
            loss: 2.5 - step / 100,
            perplexity: 12,
            accuracy: 0.25,
            batches: 2,
            best: true,
          },
          { type: 'rates', step, rates: [0.1, 0.9, 0.5, 0.5], sensitivities: [4, 0, 1, 0.1] },
        ] as TrainEvent[])
      : []),
  ])
}

async function record(
  directory: string,
  names: SinkName[],
  from: number,
  to: number,
  steps = 20,
): Promise<Recorder> {
  const recorder = await Recorder.open({ directory, facts: facts(steps), done: from }, names)
  for (const event of events(from, to)) recorder.event(event)
  recorder.close()
  return recorder
}

const read = (directory: string, file: string): string => fs.readFileSync(path.join(directory, file), 'utf8')

describe('metrics.jsonl', () => {
  it('is one event a line, masks as text, what is not finite as null', async () => {
    const directory = temporaryDirectory()
    await record(directory, ['jsonl'], 0, 5)
    const lines = read(directory, 'metrics.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(lines).toHaveLength(7)
    expect(lines[2]).toMatchObject({ type: 'step', step: 3, loss: null, skipped: 'loss', masks: ['1000'] })
  })

  it('goes on where a killed run was resumed: what came after the checkpoint is void, a half line too', async () => {
    const directory = temporaryDirectory()
    await record(directory, ['jsonl'], 0, 12)
    fs.appendFileSync(path.join(directory, 'metrics.jsonl'), '{"type":"step","step":13,"lo')
    const recorder = await record(directory, ['jsonl'], 8, 20)
    const steps = readMetrics(directory).flatMap((r) => (r.type === 'step' ? [r.step] : []))
    expect(steps).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(recorder.history.steps).toHaveLength(20)
    expect(recorder.history.evaluations.map((e) => e.step)).toEqual([5, 10, 15, 20])
  })

  it('starts anew for a new training', async () => {
    const directory = temporaryDirectory()
    await record(directory, ['jsonl'], 0, 12)
    await record(directory, ['jsonl'], 0, 3)
    expect(readMetrics(directory)).toHaveLength(3)
  })
})

it('metrics.csv has a row for every step, with the validation after it', async () => {
  const directory = temporaryDirectory()
  await record(directory, ['csv'], 0, 6)
  const rows = read(directory, 'metrics.csv')
    .trim()
    .split('\n')
    .map((line) => line.split(','))
  expect(rows).toHaveLength(7)
  const column = (name: string): string[] => rows.slice(1).map((row) => row[rows[0]!.indexOf(name)]!)
  expect(column('step')).toEqual(['1', '2', '3', '4', '5', '6'])
  expect(column('loss')[2]).toBe('')
  expect(column('validation_loss')).toEqual(['', '', '', '', '2.45', ''])
  expect(column('memory_bytes')[0]).toBe(String(2 ** 28))
})

describe('TensorBoard', () => {
  it('checksums are CRC-32C', () => {
    // RFC 3720, appendix B.4
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  })

  it('files hold framed events with scalars', async () => {
    const directory = temporaryDirectory()
    await record(directory, ['tensorboard'], 0, 5)
    const folder = path.join(directory, 'tensorboard')
    const [name, ...more] = fs.readdirSync(folder)
    expect(more).toEqual([])
    expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\./)
    const parsed = parseRecords(fs.readFileSync(path.join(folder, name!)))
    expect(parsed[0]).toMatchObject({ version: 'brain.Event:2' })
    const scalars = parsed.flatMap((e) => e.scalars.map(([tag, value]) => [e.step, tag, value] as const))
    expect(scalars).toContainEqual([1, 'train/loss', 3])
    expect(scalars).toContainEqual([5, 'validation/accuracy', 0.25])
    expect(scalars.some(([step, tag]) => step === 3 && tag === 'train/loss')).toBe(false)
  })
})

interface ParsedEvent {
  step: number
  version?: string
  scalars: [string, number][]
}

/** A reader of its own, down to the wire: records, and the fields of Event, Summary and Value by number. */
function parseRecords(bytes: Buffer): ParsedEvent[] {
  const events: ParsedEvent[] = []
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at))
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)))
    const data = bytes.subarray(at + 12, at + 12 + length)
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(data))
    const event: ParsedEvent = { step: 0, scalars: [] }
    for (const { field, value } of fieldsOf(data)) {
      if (field === 2) event.step = value as number
      if (field === 3) event.version = (value as Buffer).toString()
      if (field !== 5) continue
      for (const summary of fieldsOf(value as Buffer)) {
        const parts = fieldsOf(summary.value as Buffer)
        const tag = (parts.find((p) => p.field === 1)!.value as Buffer).toString()
        event.scalars.push([tag, parts.find((p) => p.field === 2)!.value as number])
      }
    }
    events.push(event)
    at += length + 16
  }
  return events
}

function fieldsOf(bytes: Buffer): { field: number; value: number | Buffer }[] {
  const fields: { field: number; value: number | Buffer }[] = []
  let at = 0
  const varint = (): number => {
    let [value, factor] = [0, 1]
    for (;;) {
      const byte = bytes[at++]!
      value += (byte & 127) * factor
      if (byte < 128) return value
      factor *= 128
    }
  }
  while (at < bytes.length) {
    const key = varint()
    const [field, wire] = [key >> 3, key & 7]
    if (wire === 0) fields.push({ field, value: varint() })
    else if (wire === 1) fields.push({ field, value: bytes.readDoubleLE((at += 8) - 8) })
    else if (wire === 5) fields.push({ field, value: bytes.readFloatLE((at += 4) - 4) })
    else {
      const length = varint()
      fields.push({ field, value: bytes.subarray(at, (at += length)) })
    }
  }
  return fields
}

describe('report.html', () => {
  it('stands alone: no script, nothing fetched, names escaped', async () => {
    const directory = temporaryDirectory()
    await record(directory, ['html'], 0, 20)
    const page = read(directory, 'report.html')
    expect(page).toContain('<h1>a &lt;small&gt; model</h1>')
    expect(page).not.toMatch(/<script|src=|href=|@import|url\(/)
    expect(page).not.toContain('NaN')
    for (const title of [
      'Loss',
      'Backward FLOPs saved',
      'Branches dropped',
      'Drop rates',
      'Sensitivities',
      'Time of a step',
      'Memory',
    ])
      expect(page).toContain(`<h2>${title}</h2>`)
  })

  it('says so where nothing was recorded', async () => {
    const directory = temporaryDirectory()
    await record(directory, ['html'], 0, 0)
    expect(read(directory, 'report.html')).toContain('Nothing was recorded.')
  })

  it('stays small for long trainings', async () => {
    const directory = temporaryDirectory()
    await record(directory, ['html'], 0, 20_000, 20_000)
    expect(fs.statSync(path.join(directory, 'report.html')).size).toBeLessThan(3_000_000)
  })

  const browser = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
  if (!browser) console.warn('report.html is not rendered: there is no chromium here')

  it.skipIf(!browser)(
    'renders in a browser: every figure has its size, nothing overflows',
    async () => {
      const directory = temporaryDirectory()
      await record(directory, ['html'], 0, 20)
      const page = path.join(directory, 'report.html')
      const probe = path.join(directory, 'probe.html')
      // The page with a script that measures what was laid out.
      const measure = `<script>addEventListener('load', () => {
      const figures = [...document.querySelectorAll('figure svg')].map((s) => s.getBoundingClientRect())
      const wide = document.documentElement.scrollWidth > innerWidth
      document.title = JSON.stringify({ figures: figures.map((r) => [Math.round(r.width), Math.round(r.height)]), wide,
        cells: document.querySelectorAll('.cell').length })
    })</script>`
      fs.writeFileSync(probe, fs.readFileSync(page, 'utf8').replace('</body>', `${measure}</body>`))
      const flags = [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--window-size=1280,1600',
        `--user-data-dir=${directory}/profile`,
      ]
      const dom = execFileSync(browser!, [...flags, '--dump-dom', `file://${probe}`], {
        stdio: ['ignore', 'pipe', 'ignore'],
      }).toString()
      const title = /<title>(.*?)<\/title>/.exec(dom)![1]!
      const laid = JSON.parse(title) as { figures: [number, number][]; wide: boolean; cells: number }
      expect(laid.wide).toBe(false)
      expect(laid.figures).toHaveLength(8)
      for (const [width, height] of laid.figures) {
        expect(width).toBeGreaterThan(400)
        expect(height).toBeGreaterThan(30)
      }
      expect(laid.cells).toBeGreaterThan(20 * SITES)
      const picture = path.join(directory, 'report.png')
      execFileSync(browser!, [...flags, `--screenshot=${picture}`, `file://${page}`], { stdio: 'ignore' })
      expect(fs.statSync(picture).size).toBeGreaterThan(20_000)
    },
    120_000,
  )
})

it('every sink has a name and a file', async () => {
  const directory = temporaryDirectory()
  await record(directory, Object.keys(SINKS) as SinkName[], 0, 3)
  expect(fs.readdirSync(directory).sort()).toEqual([
    'metrics.csv',
    'metrics.jsonl',
    'report.html',
    'tensorboard',
  ])
})
