/** Every example of docs/data.md works: its files are written, its commands read, and the batches are the model's. */
import fs from 'node:fs'
import path from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  checkBatch,
  FORMATS,
  openSource,
  TASKS,
  writeSafetensors,
  type CompiledModel,
  type Rows,
  type SourceFormat,
} from '../../runtime/index.js'
import { prepareData } from '../../src/cli/train/data.js'
import { parseFlags } from '../../src/cli/train/flags.js'
import { resolveSettings } from '../../src/cli/train/settings.js'
import { writeDurably } from '../../src/files.js'
import { BYTES, CLASSIFIER, npy, raw, TRANSLATOR, type Part } from '../runtime/data/files.js'
import { temporaryDirectory } from '../runtime/tiny.js'

const ROOT = path.join(import.meta.dirname, '../..')
const page = fs.readFileSync(path.join(ROOT, 'docs/data.md'), 'utf8')

/** Fenced blocks: language, the rest of the first line, content. */
const blocks = [...page.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(([, language, name, text]) => ({
  language: language!,
  name: name!,
  text: text!,
}))
const commands = blocks
  .filter((block) => block.language === 'sh')
  .flatMap((block) => block.text.trim().split('\n'))
  .map((line) => line.split(' '))

const MODELS: Record<string, Part> = {
  gpt: BYTES,
  classifier: CLASSIFIER,
  translator: TRANSLATOR,
  vision: {
    inputs: [{ name: 'pixel_values', dtype: 'float32', shape: ['batch', 3, 8, 8] }],
    loss: CLASSIFIER.loss,
  },
}

let directory: string
const home = process.cwd()

beforeAll(() => {
  directory = temporaryDirectory()
  process.chdir(directory)
  for (const { name, text } of blocks) if (name) fs.writeFileSync(name, text)
  const tokens = Uint16Array.of(5, 6, 7, 8, 9, 10)
  fs.writeFileSync('tokens.npy', npy('<u2', '(6,)', raw(tokens)))
  fs.writeFileSync('tokens.bin', raw(tokens))
  fs.mkdirSync('images')
  fs.writeFileSync('images/pixel_values.npy', npy('<f4', '(2, 3, 8, 8)', new Uint8Array(2 * 3 * 64 * 4)))
  fs.writeFileSync('images/labels.npy', npy('<i8', '(2,)', raw(BigInt64Array.of(1n, 0n))))
  const ids = { dtype: 'int64', shape: [2, 3], data: BigInt64Array.of(5n, 6n, 7n, 8n, 9n, 10n) }
  writeDurably('rows.safetensors', (sink) => writeSafetensors(sink, [['input_ids', ids]]))
  const columnData = [
    { name: 'review', data: ['one', 'two'], type: 'STRING' as const },
    { name: 'verdict', data: ['good', 'bad'], type: 'STRING' as const },
  ]
  fs.writeFileSync('reviews.parquet', new Uint8Array(parquetWriteBuffer({ columnData })))
})

afterAll(() => process.chdir(home))

describe('commands', () => {
  it('are there', () => {
    expect(commands.length).toBeGreaterThanOrEqual(13)
    for (const [program] of commands) expect(program).toBe('dropbp-train')
  })

  it.each(commands.map((words) => [words.join(' '), words.slice(1)] as const))('%s', async (_, argv) => {
    const { model, settings } = (await parseFlags(argv, '0'))!
    const manifest = MODELS[model.replace('.dropbp', '')]!
    const data = await prepareData(
      { directory, manifest } as unknown as CompiledModel,
      resolveSettings({ validation: 0, batch: 2, ...settings }, null),
      directory,
    )
    const batch = await data.train.next()
    checkBatch(manifest, batch)
    expect(Object.values(batch.inputs)[0]!.shape[0]).toBe(2)
  })
})

describe('tables', () => {
  const rows = (start: string): string[] => {
    const table = page.slice(page.indexOf(start))
    return table.slice(0, table.indexOf('\n\n')).split('\n').slice(2)
  }
  const named = (lines: string[], column = 1): string[] =>
    lines.flatMap((line) => [...line.split('|')[column]!.matchAll(/`([\w.-]+)`/g)].map(([, name]) => name!))

  it('have every format with its endings, and every task with its columns', () => {
    const formats = rows('| format ')
    expect(
      named(formats)
        .filter((name) => !name.startsWith('.'))
        .sort(),
    ).toEqual(Object.keys(FORMATS).sort())
    const endings = Object.values<SourceFormat>(FORMATS).flatMap((format) => format.extensions)
    expect(endings.filter((e) => e !== '.text' && e !== '.md').sort()).toEqual(named(formats, 2).sort())
    const tasks = rows('| task ')
    expect(named(tasks).sort()).toEqual(Object.keys(TASKS).sort())
    for (const line of tasks) {
      const [name] = named([line])
      expect(named([line], 2)).toEqual(expect.arrayContaining([...TASKS[name as 'text'].required]))
    }
  })

  it('have every code that the data side throws', () => {
    const files = fs.readdirSync(path.join(ROOT, 'runtime/data'), { recursive: true, encoding: 'utf8' })
    const sources = files
      .filter((f) => f.endsWith('.ts'))
      .map((f) => fs.readFileSync(path.join(ROOT, 'runtime/data', f), 'utf8'))
    const codes = sources.flatMap((text) =>
      [...text.matchAll(/new (?:IO|Usage|DropBP)Error\(\s*'([\w-]+)'/g)].map(([, code]) => code!),
    )
    expect(codes.length).toBeGreaterThan(30)
    // Of a batch that a program made by itself; of a flag's value.
    const elsewhere = ['missing-input', 'input-type', 'input-shape', 'bad-value']
    const told = named(rows('| code '))
    expect([...new Set(codes)].filter((code) => !elsewhere.includes(code) && !told.includes(code))).toEqual(
      [],
    )
  })
})

it('the new format reads its file', async () => {
  const { text } = blocks.find((block) => block.language === 'ts' && block.text.includes('INI'))!
  const sources = path.join(ROOT, 'runtime/data/sources')
  const file = path.join(directory, 'ini.ts')
  fs.writeFileSync(
    file,
    text.replace(/'\.\/(\w+)\.js'/g, (_, name: string) => JSON.stringify(`${sources}/${name}.ts`)),
  )
  const { ini } = (await import(/* @vite-ignore */ file)) as { ini: SourceFormat }
  fs.writeFileSync('a.ini', '[one]\ntext = a = b\nlabel=1\n\n[two]\ntext=c\n')
  const rows = (await ini.open('a.ini', {})) as Rows
  expect([rows.get(0), rows.get(1)]).toEqual([{ text: 'a = b', label: '1' }, { text: 'c' }])
  expect(rows.where(1)).toBe('a.ini:5')
  expect((await openSource('a.ini')).kind).toBe('text')
})
