/** What is wrong with a file is said with a code, a place and a way out. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { DropBPError, exitCode } from '../../src/errors.js'
import { loadModel, readModel } from '../../src/onnx/index.js'
import { field, message } from './wire.js'

const folder = mkdtempSync(join(tmpdir(), 'dropbp-errors-'))
afterAll(() => rmSync(folder, { recursive: true }))

const gpt2 = readFileSync(join(import.meta.dirname, '..', 'models', 'gpt2.onnx'))

function failure(run: () => unknown): DropBPError {
  try {
    run()
  } catch (error) {
    if (error instanceof DropBPError) return error
    throw error
  }
  throw new Error('did not fail')
}

function graph(...fields: Uint8Array[]): Buffer {
  return message(field(1, 10), field(8, message(field(2, 20))), field(7, message(field(2, 'g'), ...fields)))
}

describe('files', () => {
  it('missing', () => {
    const error = failure(() => loadModel(join(folder, 'nothing.onnx')))
    expect(error.code).toBe('missing-file')
    expect(error.message).toContain('nothing.onnx')
    expect(exitCode(error)).toBe(3)
  })

  it('a directory', () => {
    mkdirSync(join(folder, 'model.onnx'))
    const error = failure(() => loadModel(join(folder, 'model.onnx')))
    expect(error.code).toBe('is-directory')
    expect(exitCode(error)).toBe(3)
  })

  it('a path through a file', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(failure(() => loadModel(join(folder, 'file', 'x.onnx'))).code).toBe('missing-file')
  })
})

describe('bytes that are no model', () => {
  it.each([
    ['nothing', '', 'empty'],
    ['text', 'hello, world', 'no ModelProto'],
    ['JSON', '{"a": 1}', 'text'],
    ['HTML', '<!doctype html>', 'text'],
    ['a zip archive', 'PK\u0003\u0004....', 'zip'],
    [
      'a git-lfs pointer',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n',
      'git lfs pull',
    ],
    ['a safetensors file', '\u0040\u0000\u0000\u0000\u0000\u0000\u0000\u0000{"a":{}}', 'no ModelProto'],
  ])('%s', (_, text, hint) => {
    const file = join(folder, 'broken.onnx')
    writeFileSync(file, Buffer.from(text, 'latin1'))
    const error = failure(() => loadModel(file))
    expect(error.code).toBe('not-onnx')
    expect(error.message).toContain(file)
    expect(error.message).toContain(hint)
    expect(exitCode(error)).toBe(3)
  })

  it('a model damaged inside', () => {
    const bytes = message(field(1, 10), field(7, message(field(1, Buffer.from([0x0a, 0x7f])))))
    expect(failure(() => readModel(bytes)).code).toBe('not-onnx')
  })
})

describe('a model cut off', () => {
  it.each([0.1, 0.5, 0.9, 0.999])('at %f', (part) => {
    const error = failure(() =>
      readModel(gpt2.subarray(0, Math.floor(gpt2.length * part)), { file: 'cut.onnx' }),
    )
    expect(error.code).toBe('truncated')
    expect(error.message).toMatch(/cut\.onnx ends at byte \d+/)
  })

  it('at every one of the first bytes is never taken for whole', () => {
    for (let n = 0; n < 200; n++) {
      expect(['truncated', 'not-onnx', 'no-graph']).toContain(
        failure(() => readModel(gpt2.subarray(0, n))).code,
      )
    }
  })
})

describe('malformed models', () => {
  const node = (op: string, inputs: string[], outputs: string[]): Buffer =>
    field(1, message(...inputs.map((i) => field(1, i)), ...outputs.map((o) => field(2, o)), field(4, op)))
  const input = field(11, message(field(1, 'x')))

  it.each([
    ['without a graph', message(field(1, 10), field(2, 'someone')), 'no-graph', 'without a graph'],
    ['reading what is not there', graph(input, node('Relu', ['q'], ['y'])), 'unresolved-name', '"q"'],
    [
      'returning what is not there',
      graph(input, field(12, message(field(1, 'z')))),
      'unresolved-name',
      '"z"',
    ],
    ['defining a name twice', graph(input, node('Relu', ['x'], ['x'])), 'duplicate-name', '"x"'],
    [
      'with data of another size',
      graph(field(5, message(field(1, 3), field(2, 1), field(8, 'w'), field(9, new Uint8Array(8))))),
      'tensor-size',
      '12 bytes, its data has 8',
    ],
    [
      'with a dimension beyond 2^53',
      graph(field(5, message(field(1, 2 ** 60), field(2, 1), field(8, 'w')))),
      'int64-range',
      '"w"',
    ],
  ])('%s', (_, bytes, code, text) => {
    const error = failure(() => readModel(bytes))
    expect(error.code).toBe(code)
    expect(error.message).toContain(text)
    expect(exitCode(error)).toBe(1)
  })
})
