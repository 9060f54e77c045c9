/** What every file format gives, and what is told of bad files. */
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import {
  FORMATS,
  joined,
  openSource,
  renamed,
  storeRows,
  writeSafetensors,
  type FormatName,
  type HostTensor,
  type Row,
  type Rows,
  type Source,
  type SourceOptions,
} from '../../../runtime/index.js'
import { writeDurably } from '../../../src/files.js'
import { temporaryDirectory } from '../tiny.js'
import { jsonLines, npy, raw, write } from './files.js'

async function openRows(file: string, format?: FormatName): Promise<Rows> {
  const source = await openSource(file, format)
  if (source.kind !== 'rows') throw new Error(`expected rows, got ${source.kind}`)
  return source
}

const all = (rows: Rows): Row[] => Array.from({ length: rows.length }, (_, i) => rows.get(i))
const places = (rows: Rows): string[] =>
  Array.from({ length: rows.length }, (_, i) => path.basename(rows.where(i)))

const ROWS = [
  { text: 'héllo, "world"', n: 1 },
  { text: 'two\nlines', n: 2 },
  { text: '', n: -3 },
]

describe('records', () => {
  it('of JSON lines, with blank lines, CRLF and a byte order mark', async () => {
    const [first, ...others] = ROWS.map((row) => JSON.stringify(row))
    const rows = await openRows(write('a.jsonl', `\ufeff${first}\r\n\n   \r\n${others.join('\r\n')}`))
    expect(all(rows)).toEqual(ROWS)
    expect(rows.columns).toEqual(['text', 'n'])
    expect(places(rows)).toEqual(['a.jsonl:1', 'a.jsonl:4', 'a.jsonl:5'])
  })

  it('of JSON lines longer than what is read at once', async () => {
    const long = Array.from({ length: 5 }, (_, i) => ({ text: 'é'.repeat(300_000 + i) }))
    const rows = await openRows(write('a.jsonl', jsonLines(...long)))
    expect(rows.length).toBe(5)
    expect([4, 0, 2].map((i) => (rows.get(i).text as string).length)).toEqual([300_004, 300_000, 300_002])
  })

  it('of a JSON array, and of JSON lines in a .json file', async () => {
    const rows = await openRows(write('a.json', ` ${JSON.stringify(ROWS)}`))
    expect(all(rows)).toEqual(ROWS)
    expect(places(rows)[2]).toBe('a.json: element 2')
    expect(all(await openRows(write('b.json', jsonLines(...ROWS))))).toEqual(ROWS)
  })

  it('of CSV and TSV: quotes, line ends in values, CRLF, a byte order mark', async () => {
    const rows = await openRows(
      write('a.csv', '\ufefftext,n\r\n"héllo, ""world""",1\r\n"two\nlines",2\r\n,-3\r\n'),
    )
    expect(all(rows)).toEqual(ROWS.map((row) => ({ ...row, n: String(row.n) })))
    expect(places(rows)).toEqual(['a.csv:2', 'a.csv:4', 'a.csv:5'])
    expect(all(await openRows(write('a.tsv', 'text\tn\nx,y\t1\n')))).toEqual([{ text: 'x,y', n: '1' }])
  })

  it('of Parquet: several row groups, lists, 64-bit integers, compression', async () => {
    const columnData = [
      { name: 'text', data: ROWS.map((row) => row.text), type: 'STRING' as const },
      { name: 'n', data: [1n, 2n, -3n], type: 'INT64' as const },
      { name: 'ids', data: [[1, 2], [3], []], type: 'JSON' as const },
    ]
    const bytes = parquetWriteBuffer({ columnData, rowGroupSize: 2, codec: 'SNAPPY' })
    const rows = await openRows(write('a.parquet', new Uint8Array(bytes)))
    expect(all(rows)).toEqual(ROWS.map((row, i) => ({ ...row, ids: columnData[2]!.data[i] })))
    expect(places(rows)).toEqual(['a.parquet: row 0', 'a.parquet: row 1', 'a.parquet: row 2'])
  })

  it.each([
    ['UNCOMPRESSED', undefined],
    ['GZIP', zlib.gzipSync],
    ['BROTLI', zlib.brotliCompressSync],
  ] as const)('of Parquet compressed with %s', async (codec, compress) => {
    const text = ROWS.map((row) => row.text.repeat(50))
    const bytes = parquetWriteBuffer({
      columnData: [{ name: 'text', data: text, type: 'STRING' }],
      codec,
      ...(compress ? { compressors: { [codec]: (page: Uint8Array) => new Uint8Array(compress(page)) } } : {}),
    })
    const rows = await openRows(write('a.parquet', new Uint8Array(bytes)))
    expect(all(rows).map((row) => row.text)).toEqual(text)
  })

  it('of lines of text', async () => {
    expect(all(await openRows(write('a.txt', 'one\r\ntwo\n\nthree'), 'lines'))).toEqual([
      { text: 'one' },
      { text: 'two' },
      { text: 'three' },
    ])
  })

  it('of several files, with renamed columns', async () => {
    const one = await openRows(write('a.jsonl', jsonLines({ q: 'x', extra: 1 }, { q: 'y' })))
    const two = await openRows(write('b.jsonl', jsonLines({ q: 'z' })))
    const rows = renamed(joined([one, two]), { prompt: 'q' })
    expect(rows.columns).toEqual(['q', 'prompt'])
    expect(all(rows).map((row) => row.prompt)).toEqual(['x', 'y', 'z'])
    expect(places(rows)).toEqual(['a.jsonl:1', 'a.jsonl:2', 'b.jsonl:1'])
  })
})

describe('arrays', () => {
  const tensor = (values: number[], shape: number[]): HostTensor => ({
    dtype: 'float32',
    shape,
    data: Float32Array.from(values),
  })
  const ids: HostTensor = { dtype: 'int64', shape: [2, 3], data: BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n) }

  it('of safetensors are records by row, and a token sequence where there is one of rank 1', async () => {
    const store = (tensors: [string, HostTensor][]): string => {
      const file = path.join(temporaryDirectory(), 'a.safetensors')
      writeDurably(file, (sink) => writeSafetensors(sink, tensors))
      return file
    }
    const rows = await openRows(
      store([
        ['pixel_values', tensor([1, 2, 3, 4], [2, 2, 1])],
        ['input_ids', ids],
      ]),
    )
    expect(all(rows)).toEqual([
      {
        pixel_values: tensor([1, 2], [2, 1]),
        input_ids: { ...ids, shape: [3], data: BigInt64Array.of(1n, 2n, 3n) },
      },
      {
        pixel_values: tensor([3, 4], [2, 1]),
        input_ids: { ...ids, shape: [3], data: BigInt64Array.of(4n, 5n, 6n) },
      },
    ])
    const tokens = await openSource(store([['tokens', { ...ids, shape: [6] }]]))
    expect(tokens).toMatchObject({ kind: 'tokens', length: 6 })
    expect((tokens as Extract<Source, { kind: 'tokens' }>).read(2, 5)).toEqual(Int32Array.of(3, 4, 5))
    await expect(
      openSource(
        store([
          ['a', ids],
          ['b', tensor([1], [1])],
        ]),
      ),
    ).rejects.toMatchObject({ code: 'array-lengths' })
  })

  it('of a .npy matrix of integers are token rows, of a directory the columns it names', async () => {
    const matrix = npy('<u2', '(2, 2)', raw(Uint16Array.of(1, 2, 3, 4)))
    expect((await openRows(write('a.npy', matrix))).get(1)).toEqual({
      input_ids: { dtype: 'uint16', shape: [2], data: Uint16Array.of(3, 4) },
    })
    const directory = temporaryDirectory()
    write('pixel_values.npy', npy('<f4', '(2, 1, 1)', raw(Float32Array.of(0.5, 1.5))), directory)
    write('labels.npy', npy('<i8', '(2,)', raw(BigInt64Array.of(7n, 8n))), directory)
    expect((await openRows(directory)).get(1)).toEqual({
      labels: { dtype: 'int64', shape: [], data: BigInt64Array.of(8n) },
      pixel_values: tensor([1.5], [1, 1]),
    })
    await expect(openSource(temporaryDirectory())).rejects.toMatchObject({ code: 'no-arrays' })
  })

  it('of tokens are read from the file, part by part', async () => {
    const open = async (name: string, bytes: Uint8Array, options?: SourceOptions) =>
      (await openSource(write(name, bytes), undefined, options)) as Extract<Source, { kind: 'tokens' }>
    const bin = await open('a.bin', raw(Uint32Array.of(7, 100_000, 3)), { binType: 'uint32' })
    expect([bin.length, bin.read(1, 3)]).toEqual([3, Uint32Array.of(100_000, 3)])
    const vector = await open('a.npy', npy('<i8', '(3,)', raw(BigInt64Array.of(5n, -1n, 2n ** 40n))))
    expect(vector.read(0, 3)).toEqual(Int32Array.of(5, -1, -1))
  })
})

describe('a text', () => {
  it('comes in pieces that end with lines, its line ends as \\n', async () => {
    const line = `${'é'.repeat(20_000)}\r\n`
    const source = (await openSource(write('a.txt', `\ufeff${line.repeat(5)}rest`))) as Extract<
      Source,
      { kind: 'text' }
    >
    const pieces = Array.from({ length: source.length }, (_, i) => source.get(i))
    expect(pieces.map((p) => p.length)).toEqual([2 * 20_001, 2 * 20_001, 20_001 + 4])
    expect(pieces.join('')).toBe(`${line.repeat(5)}rest`.replaceAll('\r\n', '\n'))
  })
})

describe('records that are kept', () => {
  it('are the same in memory and in a temporary file, which goes with them', async () => {
    const given = Array.from({ length: 100 }, (_, i) => [{ text: `é${'x'.repeat(i)}` }, i] as const)
    const where = (i: number): string => `place ${i}`
    const inMemory = await storeRows(given, where)
    const before = fs.readdirSync(temporaryRoot())
    const inFile = await storeRows(given, where, 1000)
    expect(all(inFile)).toEqual(given.map(([row]) => row))
    expect(all(inFile)).toEqual(all(inMemory))
    expect(inFile.where(99)).toBe('place 99')
    inFile.close()
    expect(
      fs.readdirSync(temporaryRoot()).filter((n) => !before.includes(n) && n.startsWith('dropbp-data-')),
    ).toEqual([])
  })
})

function temporaryRoot(): string {
  return path.dirname(temporaryDirectory())
}

describe('bad files', () => {
  const utf16 = Buffer.from(`\ufeff${jsonLines(...ROWS)}`, 'utf16le')
  const latin1 = Buffer.from(`{"text":"ok"}\n{"text":"caf\xe9"}\n`, 'latin1')
  const long = Buffer.concat([Buffer.from('x\n'.repeat(100_000)), Buffer.from([0x61, 0xff, 0x0a])])

  it.each<[string, string, string | Uint8Array, string, RegExp]>([
    [
      'a line that is no JSON',
      'a.jsonl',
      '{"text":"a"}\n\n{"text": b}\n',
      'bad-row',
      /a\.jsonl:3: .*: \{"text": b\}$/,
    ],
    ['a cut line', 'a.jsonl', '{"text":"a"}\n{"text":"b', 'bad-row', /a\.jsonl:2: .*: \{"text":"b$/],
    ['a line that is no object', 'a.jsonl', '[1]\n', 'bad-row', /a\.jsonl:1: expected an object.*: \[1\]$/],
    ['Latin-1', 'a.jsonl', latin1, 'not-utf8', /a\.jsonl:2: byte 26 is no UTF-8; convert/],
    ['UTF-16', 'a.jsonl', utf16, 'not-utf8', /a\.jsonl:1: the file is UTF-16/],
    ['a bad byte far into a text', 'a.txt', long, 'not-utf8', /a\.txt:100001: byte 200001 is no UTF-8/],
    ['a JSON array that is cut', 'a.json', '[{"a":1}', 'bad-row', /a\.json: not JSON/],
    ['a JSON array of numbers', 'a.json', '[{"a":1}, 2]', 'bad-row', /element 1 is no object: 2/],
    ['a CSV line of another length', 'a.csv', 'a,b\n1,2\n3\n', 'bad-row', /a\.csv: .*line 3/],
    ['a CSV quote that stays open', 'a.csv', 'a,b\n1,"2\n', 'bad-row', /a\.csv: .*[Qq]uote/],
    [
      'a CSV column that appears twice',
      'a.csv',
      'a,a\n1,2\n',
      'bad-row',
      /a\.csv:1: the column "a" appears twice/,
    ],
    [
      'a CSV file in Latin-1',
      'a.csv',
      Buffer.from('a\ncaf\xe9\n', 'latin1'),
      'not-utf8',
      /a\.csv:2: byte 5 is no UTF-8/,
    ],
    ['no Parquet', 'a.parquet', 'text', 'not-parquet', /a\.parquet: cannot be read as Parquet/],
    ['no safetensors', 'a.safetensors', 'text', 'not-safetensors', /a\.safetensors/],
    ['half a token', 'a.bin', Uint8Array.of(1, 2, 3), 'not-tokens', /3 bytes are no whole number of uint16/],
    ['no NumPy array', 'a.npy', 'text', 'not-npy', /does not start as one/],
    ['a NumPy array of objects', 'a.npy', npy('|O', '(1,)', new Uint8Array(8)), 'not-npy', /its type is \|O/],
    [
      'a NumPy array in Fortran order',
      'a.npy',
      npy('<u2', '(1,)', new Uint8Array(2), 'True'),
      'not-npy',
      /Fortran/,
    ],
    [
      'a cut NumPy array',
      'a.npy',
      npy('<u2', '(3,)', new Uint8Array(4)),
      'not-npy',
      /6 bytes of data, it has 4/,
    ],
    ['a compressed file', 'a.jsonl.gz', 'x', 'compressed-file', /unpack it first/],
  ])('%s', async (_, name, content, code, message) => {
    const reading = async (): Promise<void> => {
      const source = await openSource(write(name, content))
      for (let i = 0; source.kind !== 'tokens' && i < source.length; i++) source.get(i)
    }
    await expect(reading()).rejects.toMatchObject({ code, kind: 'io' })
    await expect(reading()).rejects.toThrow(message)
  })

  it('that are not there', async () => {
    await expect(openSource('/nowhere.jsonl')).rejects.toMatchObject({ code: 'missing-file' })
  })
})

it('the table has an ending for every format but lines, each once', () => {
  const endings = Object.values(FORMATS).flatMap((format) => format.extensions)
  expect(new Set(endings).size).toBe(endings.length)
  for (const [name, { extensions }] of Object.entries(FORMATS))
    expect(extensions.length > 0).toBe(name !== 'lines')
})
