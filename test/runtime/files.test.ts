/** Safetensors, schedules, manifests: files and numbers that other programs rely on. */
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  makeSchedule,
  openCompiled,
  openSession,
  parseManifest,
  readSafetensors,
  Trainer,
  writeSafetensors,
  type HostTensor,
  type Manifest,
  type Session,
  type SessionFactory,
} from '../../runtime/index.js'
import { replaceFile } from '../../src/files.js'
import { floatsOf } from '../../src/host-tensor.js'
import { copyTiny, openTiny, temporaryDirectory, TINY, tinyData } from './tiny.js'

describe('safetensors', () => {
  const tensors: [string, HostTensor][] = [
    ['a', { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ['half', { dtype: 'float16', shape: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x7c00) }],
    ['brain', { dtype: 'bfloat16', shape: [2], data: Uint16Array.of(0x3f80, 0xc040) }],
    ['flag', { dtype: 'bool', shape: [], data: Uint8Array.of(1) }],
    ['wide', { dtype: 'int64', shape: [1], data: BigInt64Array.of(-5n) }],
    ['none', { dtype: 'float32', shape: [0, 4], data: new Float32Array(0) }],
  ]

  it('reads back what it wrote', () => {
    const file = path.join(temporaryDirectory(), 'x.safetensors')
    replaceFile(file, (sink) => writeSafetensors(sink, tensors, { format: 'pt' }))
    expect([...readSafetensors(file)]).toEqual(tensors)
    expect(Number(fs.readFileSync(file).readBigUInt64LE(0)) % 8).toBe(0)
  })

  it('knows half and brain floats', () => {
    expect([...floatsOf(tensors[1]![1])]).toEqual([1, -2, Infinity])
    expect([...floatsOf(tensors[2]![1])]).toEqual([1, -3])
  })

  function header(json: string, data = ''): Buffer {
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    return Buffer.concat([length, Buffer.from(json), Buffer.from(data)])
  }

  it.each([
    ['an empty file', Buffer.alloc(0), 'not-safetensors'],
    [
      'a header beyond the file',
      Buffer.from('\xff\xff\xff\xff\x00\x00\x00\x00{}', 'latin1'),
      'not-safetensors',
    ],
    ['a header that is no JSON', header('{{}'), 'not-safetensors'],
    [
      'an unknown type',
      header('{"a":{"dtype":"F7","shape":[1],"data_offsets":[0,4]}}', 'abcd'),
      'not-safetensors',
    ],
    [
      'offsets that do not fit the shape',
      header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 'abcd'),
      'not-safetensors',
    ],
    [
      'missing data',
      header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 'abcd'),
      'truncated-file',
    ],
  ])('refuses %s', (_, bytes, code) => {
    const file = path.join(temporaryDirectory(), 'x.safetensors')
    fs.writeFileSync(file, bytes)
    expect(() => readSafetensors(file)).toThrow(expect.objectContaining({ code, kind: 'io' }))
  })
})

describe('schedules', () => {
  const of = (kind: 'constant' | 'linear' | 'cosine', floor = 0) =>
    makeSchedule({ kind, learningRate: 2, warmup: 4, steps: 12, floor })

  it.each(['constant', 'linear', 'cosine'] as const)('%s warms up linearly to the highest rate', (kind) => {
    expect([0, 1, 2, 3, 4].map(of(kind))).toEqual([0.5, 1, 1.5, 2, 2])
  })

  it('fall as they say', () => {
    expect(of('constant')(11)).toBe(2)
    expect(of('linear')(8)).toBe(1)
    expect(of('cosine')(8)).toBeCloseTo(1, 12)
    expect(of('cosine')(6)).toBeCloseTo(1 + Math.SQRT1_2, 12)
    expect(of('linear', 0.5)(12)).toBe(1)
    expect(of('cosine')(99)).toBeCloseTo(0, 12)
  })

  it.each([
    [{ learningRate: NaN }, 'learning-rate'],
    [{ learningRate: -1 }, 'learning-rate'],
    [{ warmup: 13 }, 'warmup'],
  ])('refuse %s', (bad, code) => {
    const good = { kind: 'linear', learningRate: 1, warmup: 0, steps: 12 } as const
    expect(() => makeSchedule({ ...good, ...bad })).toThrow(expect.objectContaining({ code, kind: 'usage' }))
  })
})

describe('a compiled directory', () => {
  const text = fs.readFileSync(path.join(TINY, 'manifest.json'), 'utf8')
  /** A manifest whose fields may be left out. */
  interface Draft {
    version: number
    sites?: Partial<Manifest['sites'][number]>[]
    parameters: Manifest['parameters']
  }
  const edited = (edit: (m: Draft) => void): string => {
    const manifest = JSON.parse(text) as Draft
    edit(manifest)
    return JSON.stringify(manifest)
  }

  it('without manifest is not compiled', () => {
    for (const directory of [temporaryDirectory(), '/nowhere']) {
      expect(() => openCompiled(directory)).toThrow(
        expect.objectContaining({ code: 'not-compiled', kind: 'io' }),
      )
    }
  })

  it('without one of its files says which', () => {
    const directory = copyTiny()
    fs.rmSync(path.join(directory, 'optimizer_model.onnx'))
    expect(() => openCompiled(directory)).toThrow(/missing|optimizer_model.onnx/)
  })

  it.each<[string, string, string]>([
    ['another version', edited((m) => Object.assign(m, { version: 2 })), 'manifest-version'],
    ['no JSON', '{', 'manifest-invalid'],
    ['a missing field', edited((m) => delete m.sites), 'manifest-invalid'],
    ['a site without name', edited((m) => delete m.sites![0]!.name), 'manifest-invalid'],
    [
      'an unknown site',
      edited((m) => Object.assign(m.parameters[0]!, { presentWhen: [['gone']] })),
      'manifest-invalid',
    ],
    [
      'a trainable parameter without input',
      edited((m) => Object.assign(m.parameters[0]!, { input: null })),
      'manifest-invalid',
    ],
  ])('%s is refused', (_, json, code) => {
    expect(() => parseManifest(json, 'manifest.json')).toThrow(expect.objectContaining({ code }))
  })

  it('says where a field is wrong', () => {
    expect(() =>
      parseManifest(
        edited((m) => Object.assign(m.sites![1]!, { kind: 'new' })),
        'm.json',
      ),
    ).toThrow(/m\.json: at sites\.1\.kind/)
  })

  it('with a graph that does not load is a failed session', async () => {
    const directory = copyTiny()
    fs.writeFileSync(path.join(directory, 'training_model.onnx'), 'no model')
    await expect(Trainer.open(directory, { steps: 1 })).rejects.toMatchObject({ code: 'session-failed' })
  })

  it('with parameters of another model is refused', async () => {
    const directory = copyTiny()
    const file = path.join(directory, 'checkpoint/params.safetensors')
    const tensors = [...readSafetensors(file)]
    replaceFile(file, (sink) => writeSafetensors(sink, tensors.slice(1)))
    await expect(Trainer.open(directory, { steps: 1 })).rejects.toMatchObject({ code: 'missing-tensor' })
    replaceFile(file, (sink) =>
      writeSafetensors(sink, [[tensors[0]![0], tensors[1]![1]], ...tensors.slice(1)]),
    )
    await expect(Trainer.open(directory, { steps: 1 })).rejects.toMatchObject({ code: 'wrong-tensor' })
  })

  it('does not take hyperparameters that the optimizer lacks', async () => {
    await expect(Trainer.open(TINY, { steps: 1, hyperparameters: { momentum: 1 } })).rejects.toMatchObject({
      code: 'unknown-hyperparameter',
    })
  })
})

describe('a step that is not finite', () => {
  it('is skipped, counted and reported; too many in a row end the training', async () => {
    const trainer = await openTiny({ maxSkipped: 2 })
    const data = tinyData(trainer)
    await trainer.trainStep([data.next()])
    const weights = trainer.state.value(0).data as Float32Array
    const before = Array.from(weights)
    const good = before[3]!
    weights.fill(NaN)
    const result = await trainer.trainStep([data.next()])
    expect(result).toMatchObject({ step: 2, skipped: 'loss' })
    expect(result.loss).toBeNaN()
    expect(trainer.skipped).toBe(1)
    weights.set(before)
    expect((await trainer.trainStep([data.next()])).skipped).toBeNull()
    expect(trainer.state.value(0).data[3]).not.toBe(good)
    ;(trainer.state.value(0).data as Float32Array).fill(NaN)
    await trainer.trainStep([data.next()])
    await trainer.trainStep([data.next()])
    await expect(trainer.trainStep([data.next()])).rejects.toMatchObject({ code: 'not-finite' })
    expect(trainer.skipped).toBe(4)
  })

  it('is also one whose gradient overflows; nothing is changed by it', async () => {
    let spoil = false
    const sessionFactory: SessionFactory = async (file, options) => {
      const session = await openSession(file, options)
      const run: Session['run'] = async (feeds, fetches) => {
        const results = await session.run(feeds, fetches)
        const gradient = results['layers.1.proj.bias_grad']
        if (spoil && gradient) gradient.data[2] = Infinity
        return results
      }
      return { inputs: session.inputs, outputs: session.outputs, run, release: () => session.release() }
    }
    const trainer = await openTiny({ sessionFactory, clipNorm: 1 })
    const data = tinyData(trainer)
    await trainer.trainStep([data.next()])
    const state = (): number[][] =>
      [...trainer.state.storedParameters(), ...trainer.state.storedMoments()].map(([, t]) =>
        Array.from(t.data as Float32Array),
      )
    const before = state()
    spoil = true
    const result = await trainer.trainStep([data.next()], [[true, true]])
    expect(result).toMatchObject({ skipped: 'gradient', gradientNorm: Infinity })
    expect(Number.isFinite(result.loss)).toBe(true)
    expect(state()).toEqual(before)
    spoil = false
    expect((await trainer.trainStep([data.next()])).skipped).toBeNull()
  })
})
