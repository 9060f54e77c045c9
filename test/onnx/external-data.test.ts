/** Weights outside the protobuf: where they may lie, how they are laid out, and what happens when writing fails. */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DropBPError, exitCode } from '../../src/errors.js'
import { Graph, Model, Node, Value } from '../../src/ir.js'
import { encodeModel, loadModel, readModel, saveModel, saveModels } from '../../src/onnx/index.js'
import { Tensor } from '../../src/tensor.js'
import { tensorType } from '../../src/types.js'
import { field, find, message } from './wire.js'

let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'dropbp-external-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  fs.rmSync(folder, { recursive: true, force: true })
})

function failure(run: () => unknown): DropBPError {
  try {
    run()
  } catch (error) {
    if (error instanceof DropBPError) return error
    throw error
  }
  throw new Error('did not fail')
}

/** A model whose only weight is float[3], with the given external data entries. */
function modelWith(entries: Record<string, string>): Buffer {
  const external = Object.entries(entries).map(([k, v]) => field(13, message(field(1, k), field(2, v))))
  const tensor = message(field(1, 3), field(2, 1), field(8, 'w'), field(14, 1), ...external)
  return message(
    field(1, 10),
    field(8, message(field(2, 20))),
    field(7, message(field(2, 'g'), field(5, tensor))),
  )
}

function write(name: string, content: Uint8Array | string): string {
  const file = join(folder, name)
  fs.mkdirSync(join(file, '..'), { recursive: true })
  fs.writeFileSync(file, content)
  return file
}

const DATA = Buffer.from(Float32Array.of(9, 1, 2, 3).buffer)

function weight(model: Model, name = 'w'): Tensor {
  return [...model.graph.initializers].find((v) => v.name === name)!.data!
}

describe('reading', () => {
  it('reads offset and length, in a folder below too, when somebody needs numbers', () => {
    write('sub/w.bin', DATA)
    const file = write('m.onnx', modelWith({ location: 'sub/w.bin', offset: '4', length: '12' }))
    const open = vi.spyOn(fs, 'openSync')
    const model = loadModel(file)
    expect(open.mock.calls.filter(([name]) => String(name).endsWith('w.bin'))).toEqual([])
    expect([...weight(model).numbers()]).toEqual([1, 2, 3])
  })

  it('takes the length from the type where the file says none', () => {
    write('w.bin', DATA)
    const model = loadModel(write('m.onnx', modelWith({ location: 'w.bin' })))
    expect([...weight(model).numbers()]).toEqual([9, 1, 2])
  })

  it('accepts links within the folder, and beside the target of a linked model', () => {
    write('blobs/data', DATA)
    write('blobs/model', modelWith({ location: 'w.bin', offset: '4' }))
    fs.mkdirSync(join(folder, 'snapshot'))
    fs.symlinkSync('../blobs/model', join(folder, 'snapshot', 'm.onnx'))
    fs.symlinkSync('../blobs/data', join(folder, 'snapshot', 'w.bin'))
    expect([...weight(loadModel(join(folder, 'snapshot', 'm.onnx'))).numbers()]).toEqual([1, 2, 3])
  })

  it.each<[string, Record<string, string>, string]>([
    ['no file', { location: 'gone.bin' }, 'missing-external-data'],
    ['an absolute path', { location: '/etc/hostname' }, 'external-data-path'],
    ['a Windows path', { location: 'C:\\w.bin' }, 'external-data-path'],
    ['no path', {}, 'external-data-path'],
    ['a way out', { location: '../w.bin' }, 'external-data-path'],
    ['a way out and in again', { location: 'sub/../../inner/w.bin' }, 'external-data-path'],
    ['a link out', { location: 'link.bin' }, 'external-data-path'],
    ['a linked folder out', { location: 'linked/w.bin' }, 'external-data-path'],
    ['a folder', { location: 'sub' }, 'external-data-path'],
    ['too short a file', { location: 'w.bin', offset: '8' }, 'external-data-short'],
    ['an offset past the end', { location: 'w.bin', offset: '4000', length: '12' }, 'external-data-short'],
    ['a negative offset', { location: 'w.bin', offset: '-4', length: '12' }, 'external-data-short'],
    ['an offset that is no number', { location: 'w.bin', offset: 'x', length: '12' }, 'external-data-short'],
  ])('refuses %s', (_, entries, code) => {
    write('w.bin', DATA)
    write('inner/w.bin', DATA)
    fs.mkdirSync(join(folder, 'inner', 'sub'))
    fs.symlinkSync('../w.bin', join(folder, 'inner', 'link.bin'))
    fs.symlinkSync('..', join(folder, 'inner', 'linked'))
    const error = failure(() => loadModel(write('inner/m.onnx', modelWith(entries))))
    expect(error.code).toBe(code)
    expect(error.message).toContain('"w"')
    expect(exitCode(error)).toBe(3)
  })

  it('refuses a length that does not fit the type', () => {
    write('w.bin', DATA)
    const file = write('m.onnx', modelWith({ location: 'w.bin', length: '8' }))
    expect(failure(() => loadModel(file)).code).toBe('tensor-size')
  })

  it('refuses external data of a model that came without a folder', () => {
    const error = failure(() => readModel(modelWith({ location: 'w.bin' })))
    expect(error.code).toBe('missing-external-data')
    expect(error.message).toContain('directory')
  })

  it('says so when the data disappears or shrinks after reading', () => {
    const data = write('w.bin', DATA)
    const model = loadModel(write('m.onnx', modelWith({ location: 'w.bin' })))
    fs.writeFileSync(data, DATA.subarray(0, 8))
    expect(failure(() => weight(model).numbers()).code).toBe('external-data-short')
    fs.rmSync(data)
    expect(failure(() => weight(model).numbers()).code).toBe('missing-external-data')
  })
})

/** y = x * a + b + c with weights of 6 KB, 1.5 MB and 4 bytes. */
function sample(): Model {
  const graph = new Graph('g')
  const x = graph.addInput(new Value('x', tensorType('float32', [1500, 256])))
  const a = graph.addInitializer(
    'a',
    Tensor.of(
      'float32',
      [1500, 1],
      Float64Array.from({ length: 1500 }, (_, i) => i / 7),
    ),
  )
  const b = graph.addInitializer(
    'b',
    Tensor.of('float32', [1500, 256], new Float64Array(1500 * 256).fill(0.5)),
  )
  const c = graph.addInitializer('c', Tensor.scalar('float32', 1))
  const chain = [new Value('xa'), new Value('xab'), new Value('y', x.type)] as const
  graph.addNode(new Node('Mul', [x, a], [chain[0]]))
  graph.addNode(new Node('Add', [chain[0], b], [chain[1]]))
  graph.addNode(new Node('Add', [chain[1], c], [chain[2]]))
  graph.setOutputs([chain[2]])
  const model = new Model(graph)
  model.opsets.set('', 20)
  return model
}

/** The bytes of y for x = 2. */
async function compute(model: string | Uint8Array): Promise<Buffer> {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1 }
  const session = await (typeof model === 'string'
    ? ort.InferenceSession.create(model, options)
    : ort.InferenceSession.create(model, options))
  const x = new ort.Tensor('float32', new Float32Array(1500 * 256).fill(2), [1500, 256])
  const { y } = await session.run({ x })
  await session.release()
  return Buffer.from((y!.data as Float32Array).buffer)
}

describe('writing', () => {
  const external = { externalData: { file: 'weights.data', threshold: 1000 } }
  const files = (): string[] => fs.readdirSync(folder).sort()
  const digests = (): string[] =>
    files().map((f) =>
      createHash('sha256')
        .update(fs.readFileSync(join(folder, f)))
        .digest('hex'),
    )

  it('streams weights to aligned places; small ones stay inside', async () => {
    const file = join(folder, 'm.onnx')
    saveModel(sample(), file, external)
    expect(files()).toEqual(['m.onnx', 'weights.data'])
    const entries = find(fs.readFileSync(file), 7, 5, 13, 2).map(String)
    expect(entries).toEqual(['weights.data', '0', '6000', 'weights.data', '8192', '1536000'])
    expect(Buffer.compare(await compute(file), await compute(encodeModel(sample())))).toBe(0)
  })

  it('comes back equal, and can be made one file again', () => {
    const file = join(folder, 'm.onnx')
    saveModel(sample(), file, external)
    const again = loadModel(file)
    expect(Buffer.compare(encodeModel(again), encodeModel(sample()))).toBe(0)
    saveModel(again, join(folder, 'one.onnx'))
    expect(Buffer.compare(fs.readFileSync(join(folder, 'one.onnx')), encodeModel(sample()))).toBe(0)
  })

  it('keeps models below the threshold in one file', () => {
    saveModel(sample(), join(folder, 'm.onnx'), { externalData: { file: 'w.data', threshold: 2e6 } })
    expect(files()).toEqual(['m.onnx'])
  })

  it('stores what several models share once', () => {
    const [one, two] = [sample(), sample()]
    for (const value of two.graph.initializers) {
      value.data = [...one.graph.initializers].find((v) => v.name === value.name)!.data
    }
    const targets = ['one.onnx', 'two.onnx'].map((f) => join(folder, f))
    saveModels(
      [one, two].map((model, i) => ({ model, file: targets[i]! })),
      external,
    )
    expect(fs.statSync(join(folder, 'weights.data')).size).toBe(8192 + 1536000)
    for (const target of targets)
      expect([...weight(loadModel(target), 'b').numbers().slice(0, 2)]).toEqual([0.5, 0.5])
  })

  it('refuses to write over what the model was read from', () => {
    const file = join(folder, 'm.onnx')
    saveModel(sample(), file, external)
    const model = loadModel(file)
    const before = digests()
    fs.symlinkSync('m.onnx', join(folder, 'alias.onnx'))
    for (const target of ['m.onnx', 'alias.onnx']) {
      expect(failure(() => saveModel(model, join(folder, target))).code).toBe('overwrites-source')
    }
    expect(failure(() => saveModel(model, join(folder, 'n.onnx'), external)).code).toBe('overwrites-source')
    fs.rmSync(join(folder, 'alias.onnx'))
    expect(digests()).toEqual(before)
  })

  it.each([
    ['ENOSPC', 'disk-full'],
    ['EDQUOT', 'disk-full'],
    ['EIO', 'write-failed'],
  ])('leaves nothing behind on %s, and the old files as they were', (errno, code) => {
    const file = write('m.onnx', 'old model')
    write('weights.data', 'old data')
    const real = fs.writeSync
    let calls = 0
    vi.spyOn(fs, 'writeSync').mockImplementation(((...args: Parameters<typeof real>) => {
      if (++calls === 3) throw Object.assign(new Error(`${errno}: no`), { code: errno })
      return real(...args)
    }) as never)
    const error = failure(() => saveModel(sample(), file, external))
    expect(error.code).toBe(code)
    expect(exitCode(error)).toBe(3)
    expect(files()).toEqual(['m.onnx', 'weights.data'])
    expect(fs.readFileSync(file, 'utf8')).toBe('old model')
    expect(fs.readFileSync(join(folder, 'weights.data'), 'utf8')).toBe('old data')
  })

  it('takes back what it placed when a later file cannot be placed', () => {
    const real = fs.renameSync
    vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      if (String(to).endsWith('m.onnx')) throw Object.assign(new Error('no'), { code: 'EACCES' })
      real(from, to)
    })
    expect(failure(() => saveModel(sample(), join(folder, 'm.onnx'), external)).code).toBe('no-permission')
    expect(files()).toEqual([])
  })

  it('names the missing folder, and a directory in the way', () => {
    expect(failure(() => saveModel(sample(), join(folder, 'no', 'm.onnx'))).code).toBe('missing-directory')
    fs.mkdirSync(join(folder, 'm.onnx'))
    expect(failure(() => saveModel(sample(), join(folder, 'm.onnx'))).code).toBe('is-directory')
    expect(files()).toEqual(['m.onnx'])
  })

  it('refuses models of several folders with one data file', () => {
    const entries = [folder, join(folder, 'x')].map((f) => ({ model: sample(), file: join(f, 'm.onnx') }))
    expect(failure(() => saveModels(entries)).code).toBe('split-models')
  })

  it('refuses to encode 2 GB, without reading them', () => {
    const model = sample()
    const huge = new Tensor('float32', [2 ** 29], () => {
      throw new Error('read')
    })
    model.graph.addInitializer('huge', huge)
    const error = failure(() => encodeModel(model))
    expect(error.code).toBe('too-large')
    expect(error.message).toContain('external data')
  })
})
