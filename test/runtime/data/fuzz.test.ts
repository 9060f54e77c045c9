/** Damaged data files: read, or refused with a coded error; nothing else, and not slowly. */
import fs from 'node:fs'
import path from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, it } from 'vitest'
import { checkBatch, DropBPError, openData, Random, writeSafetensors } from '../../../runtime/index.js'
import { writeDurably } from '../../../src/files.js'
import { temporaryDirectory } from '../tiny.js'
import { BYTES, jsonLines, npy, raw, type Part } from './files.js'

const FIXTURES = path.join(import.meta.dirname, 'fixtures')

const ROWS = Array.from({ length: 6 }, (_, i) => ({ text: `line ${i} é "quoted", 你好`, n: i }))

const FILES: Record<string, () => Uint8Array> = {
  'a.jsonl': () => Buffer.from(jsonLines(...ROWS)),
  'b.jsonl': () =>
    Buffer.from(
      jsonLines({
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      }),
    ),
  'c.jsonl': () =>
    Buffer.from(jsonLines({ input_ids: [1, 2, 3], attention_mask: [1, 1, 0], labels: [-100, 2, 3] })),
  'a.json': () => Buffer.from(JSON.stringify(ROWS)),
  'a.csv': () =>
    Buffer.from(`text,n\n${ROWS.map((row) => `"${row.text.replaceAll('"', '""')}",${row.n}\n`).join('')}`),
  'a.txt': () => Buffer.from(ROWS.map((row) => `${row.text}\n`).join('')),
  'a.parquet': () => {
    const columnData = [{ name: 'text', data: ROWS.map((row) => row.text), type: 'STRING' as const }]
    return new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 4 }))
  },
  'a.npy': () => npy('<i8', '(2, 3)', raw(BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n))),
  'a.safetensors': () => {
    const file = path.join(temporaryDirectory(), 'a.safetensors')
    const ids = { dtype: 'int64', shape: [2, 3], data: BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n) }
    writeDurably(file, (sink) => writeSafetensors(sink, [['input_ids', ids]]))
    return fs.readFileSync(file)
  },
  'a.bin': () => raw(Uint16Array.from({ length: 40 }, (_, i) => i)),
}

/** Flips, removes, repeats or inserts a few bytes. */
function damage(bytes: Uint8Array, random: Random): Uint8Array {
  let result = Buffer.from(bytes)
  for (let n = 1 + random.below(4); n > 0 && result.length > 1; n--) {
    const at = random.below(result.length)
    const end = Math.min(result.length, at + 1 + random.below(8))
    const kind = random.below(4)
    if (kind === 0) result[at] = random.below(256)
    else if (kind === 1) result = Buffer.concat([result.subarray(0, at), result.subarray(end)])
    else if (kind === 2) result = Buffer.concat([result.subarray(0, end), result.subarray(at)])
    else
      result = Buffer.concat([
        result.subarray(0, at),
        Buffer.from('{"[,0'[random.below(5)]!),
        result.subarray(at),
      ])
  }
  return result
}

const template = path.join(temporaryDirectory(), 'chat.jinja')
fs.writeFileSync(template, '{% for m in messages %}{{ m.role }}{{ m.content }}{% endfor %}')

async function read(file: string, model: Part): Promise<void> {
  const data = await openData(model, {
    data: file,
    tokenizer: 'bytes',
    maxLength: 16,
    batch: 2,
    chatTemplate: template,
  })
  try {
    for (let i = 0; i < 3; i++) checkBatch(model, data.train.next())
  } finally {
    data.close()
  }
}

it.each(Object.keys(FILES))(
  '%s',
  async (name) => {
    const whole = FILES[name]!()
    const file = path.join(temporaryDirectory(), name)
    fs.writeFileSync(file, whole)
    await read(file, BYTES)
    const random = Random.seeded(11)
    let refused = 0
    for (let round = 0; round < 200; round++) {
      const bytes = damage(whole, random)
      fs.writeFileSync(file, bytes)
      const error: unknown = await read(file, BYTES).catch((e: unknown) => e)
      if (error === undefined) continue
      const about = `round ${round}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
      expect(error, about).toBeInstanceOf(DropBPError)
      refused++
    }
    if (name !== 'a.txt') expect(refused).toBeGreaterThan(0)
  },
  120_000,
)

/** Replaces a value somewhere in a JSON document by one of another kind, or takes it out. */
function damageJson(value: unknown, random: Random): unknown {
  const places: [Record<string, unknown>, string][] = []
  const visit = (v: unknown, depth: number): void => {
    if (v === null || typeof v !== 'object' || depth > 4) return
    // Of long lists (the vocabulary, the merges) a few entries do.
    for (const key of Object.keys(v).slice(0, 12)) {
      places.push([v as Record<string, unknown>, key])
      visit((v as Record<string, unknown>)[key], depth + 1)
    }
  }
  visit(value, 0)
  const [holder, key] = places[random.below(places.length)]!
  const other = [null, 7, 'x', [], {}, true, undefined][random.below(7)]
  if (other === undefined && !Array.isArray(holder)) delete holder[key]
  else holder[key] = other
  return value
}

it.each(['byte_level', 'sentence_piece', 'word_piece', 'unigram'])(
  'the tokenizer %s',
  async (kind) => {
    const whole = fs.readFileSync(path.join(FIXTURES, kind, 'tokenizer.json'), 'utf8')
    const directory = temporaryDirectory()
    const data = path.join(directory, 'a.jsonl')
    fs.writeFileSync(data, jsonLines(...ROWS))
    const tokenizer = path.join(directory, 'tokenizer.json')
    const model = { inputs: [{ ...BYTES.inputs[0]!, limit: 1000 }], loss: { ...BYTES.loss, classes: 1000 } }
    const random = Random.seeded(12)
    for (let round = 0; round < 100; round++) {
      fs.writeFileSync(tokenizer, JSON.stringify(damageJson(JSON.parse(whole), random)))
      const opening = openData(model, { data, tokenizer }).then((open) => open.close())
      const error: unknown = await opening.catch((e: unknown) => e)
      const about = `round ${round}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
      if (error !== undefined) expect(error, about).toBeInstanceOf(DropBPError)
    }
  },
  120_000,
)
