/** The native session: memory in place, runs beside the event loop, life and death, failures. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openSession, zeros, type HostTensor, type Session } from '../../../runtime/index.js'
import { encodeModel } from '../../../src/onnx/index.js'
import { parseModel } from '../../../src/text.js'
import { available } from './available.js'

const directory = mkdtempSync(path.join(os.tmpdir(), 'native-'))
const sessions: Session[] = []
afterAll(async () => {
  for (const session of sessions) await session.release()
  rmSync(directory, { recursive: true })
})

const HEADER = '<ir_version: 8, opset_import: ["" : 18]>'

async function open(program: string): Promise<Session> {
  const bytes = encodeModel(parseModel(`${HEADER} ${program}`))
  const session = await openSession('test', { backend: 'native', threads: 1, spin: false }, bytes)
  sessions.push(session)
  return session
}

function floats(shape: number[], value: (i: number) => number): HostTensor {
  const tensor = zeros('float32', shape)
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = value(i)
  return tensor
}

/** Takes a while: n×n matrices, multiplied eight times. */
const SLOW = `g (float[n, n] x) => (float[n, n] y) {
  a = MatMul(x, x) b = MatMul(a, x) c = MatMul(b, x) d = MatMul(c, x)
  e = MatMul(d, x) f = MatMul(e, x) h = MatMul(f, x) y = MatMul(h, x)
}`
const DOUBLE = 'g (float[n] x) => (float[n] y, float[n] z) { y = Add(x, x) z = Neg(x) }'

describe.skipIf(!available)('memory', () => {
  test('results are written into given tensors, in place of the feed too', async () => {
    const session = await open(DOUBLE)
    const x = floats([5000], (i) => i)
    const target = zeros('float32', [5000])
    const { y, z } = await session.run({ x }, { y: target, z: null })
    expect(y).toBe(target)
    expect([target.data[7], z!.data[7]]).toEqual([14, -7])
    const small = await open('g (float[n] x) => (float[n] y) { y = Add(x, x) }')
    await small.run({ x }, { y: x })
    expect(x.data[7]).toBe(14)
  })

  test('a tensor over part of a buffer is read and written there and nowhere else', async () => {
    const session = await open(DOUBLE)
    const whole = new Float32Array(10).fill(1)
    const part: HostTensor = { dtype: 'float32', shape: [2], data: whole.subarray(4, 6) }
    await session.run({ x: part }, { y: part })
    expect([...whole]).toEqual([1, 1, 1, 1, 2, 2, 1, 1, 1, 1])
  })

  test('results are views until released, and stay readable after the session', async () => {
    const session = await open(DOUBLE)
    const { y, z } = await session.run({ x: floats([5000], (i) => i) }, { y: null, z: null })
    await session.release()
    expect([y!.data[4999], z!.data[4999]]).toEqual([9998, -4999])
    y!.release!()
    y!.release!()
    expect(() => y!.data).toThrow('released')
    expect(z!.data[1]).toBe(-1)
  })

  test('small results are copies, which nobody has to release', async () => {
    const session = await open(DOUBLE)
    const { y } = await session.run({ x: floats([3], (i) => i) }, { y: null })
    expect(y!.release).toBeUndefined()
    expect([...y!.data]).toEqual([0, 2, 4])
  })

  test('empty tensors, scalars and every type go through', async () => {
    const types = {
      float: 'float32',
      double: 'float64',
      float16: 'float16',
      bfloat16: 'bfloat16',
      int8: 'int8',
      int16: 'int16',
      int32: 'int32',
      int64: 'int64',
      uint8: 'uint8',
      uint16: 'uint16',
      uint32: 'uint32',
      uint64: 'uint64',
      bool: 'bool',
    }
    for (const [name, dtype] of Object.entries(types)) {
      const session = await open(`g (${name} x, ${name}[n, 3] e) => (${name} y, ${name}[n, 3] f) {
        y = Identity(x) f = Identity(e)
      }`)
      const x = zeros(dtype, [])
      x.data[0] = x.data instanceof BigInt64Array || x.data instanceof BigUint64Array ? 1n : 1
      const { y, f } = await session.run({ x, e: zeros(dtype, [0, 3]) }, { y: null, f: null })
      expect(y).toEqual(x)
      expect([f!.dtype, f!.shape, f!.data.length]).toEqual([dtype, [0, 3], 0])
    }
  })

  const megabytes = (): number => process.memoryUsage.rss() / 2 ** 20

  test.each(['released', 'left to the collector', 'written into a buffer'])(
    'no memory is lost over many runs: results %s',
    async (how) => {
      const session = await open(DOUBLE)
      const x = floats([2 ** 20], (i) => i)
      const target = how === 'written into a buffer' ? zeros('float32', [2 ** 20]) : null
      const run = async (): Promise<void> => {
        const { y, z } = await session.run({ x }, { y: target, z: target && zeros('float32', [2 ** 20]) })
        expect(y!.data[3]).toBe(6)
        if (how === 'released') for (const tensor of [y, z]) tensor!.release!()
      }
      for (let i = 0; i < 30; i++) await run()
      const before = megabytes()
      // 8 MiB each: 2.4 GiB, if they stayed
      for (let i = 0; i < 300; i++) await run()
      expect(megabytes() - before).toBeLessThan(300)
    },
  )

  test('no memory is lost over many small runs', async () => {
    const session = await open(DOUBLE)
    const x = floats([4], (i) => i)
    for (let i = 0; i < 2000; i++) await session.run({ x }, { y: null, z: null })
    const before = megabytes()
    for (let i = 0; i < 20000; i++) await session.run({ x }, { y: null, z: null })
    // a leak of one value's header, 100 bytes or more in each run, twice, would be 4 MiB and up; the heap's own ups and downs
    expect(megabytes() - before).toBeLessThan(30)
  })
})

describe.skipIf(!available)('runs', () => {
  test('the event loop goes on meanwhile', async () => {
    const session = await open(SLOW)
    const x = floats([700, 700], (i) => (i % 3) - 1)
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await session.run({ x }, { y: null })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })

  test('several at once give what each gives alone', async () => {
    const session = await open(SLOW)
    const feeds = [1, 2, 3, 4, 5, 6].map((k) => ({ x: floats([60, 60], (i) => Math.sin(i * k)) }))
    const alone: HostTensor[] = []
    for (const feed of feeds) alone.push((await session.run(feed, { y: null })).y!)
    const together = await Promise.all(feeds.map((feed) => session.run(feed, { y: null })))
    together.forEach(({ y }, i) => expect(y!.data).toEqual(alone[i]!.data))
  })

  test('a release waits for the runs that are under way, and ends the session', async () => {
    const session = await open(SLOW)
    const x = floats([400, 400], (i) => (i % 3) - 1)
    const order: string[] = []
    const run = session.run({ x }, { y: null }).then(({ y }) => {
      order.push('run')
      return y!.data[0]
    })
    const release = session.release().then(() => order.push('release'))
    await expect(session.run({ x }, { y: null })).rejects.toMatchObject({ code: 'session-released' })
    await release
    expect(Number.isFinite(await run)).toBe(true)
    expect(order).toEqual(['run', 'release'])
    await session.release()
  })
})

describe.skipIf(!available)('failures', () => {
  test('a file that is no model, and one that is not there', async () => {
    const file = path.join(directory, 'no-model.onnx')
    writeFileSync(file, 'no model')
    await expect(openSession(file, { backend: 'native' })).rejects.toMatchObject({ code: 'session-failed' })
    await expect(openSession(`${file}.gone`, { backend: 'native' })).rejects.toThrow(/session|exist|gone/i)
  })

  test('an operator without a kernel for the type is told when the model is loaded', async () => {
    await expect(open('g (bfloat16[n] x) => (bfloat16[n] y) { y = Erf(x) }')).rejects.toMatchObject({
      code: 'session-failed',
    })
  })

  test('feeds and fetches that do not fit', async () => {
    const session = await open(DOUBLE)
    const x = floats([4], (i) => i)
    const rejects = (feeds: Record<string, HostTensor>, fetches: Record<string, HostTensor | null>) =>
      expect(session.run(feeds, fetches)).rejects
    await rejects({}, { y: null }).toMatchObject({ code: 'missing-input' })
    await rejects({ x }, { w: null }).toMatchObject({ code: 'no-such-output' })
    await rejects({ x: zeros('float64', [4]) }, { y: null }).toMatchObject({ code: 'session-failed' })
    await rejects({ x: { ...x, dtype: 'string' } }, { y: null }).toMatchObject({ code: 'tensor-type' })
    await rejects({ x: { ...x, shape: [5] } }, { y: null }).toMatchObject({ code: 'session-failed' })
    await rejects({ x }, { y: zeros('float32', [3]) }).toMatchObject({ code: 'session-failed' })
    expect([...(await session.run({ x }, { y: null })).y!.data]).toEqual([0, 2, 4, 6])
  })

  test('a library of operators that is none', async () => {
    const file = path.join(directory, 'kernels.so')
    writeFileSync(file, 'no library')
    const bytes = encodeModel(parseModel(`${HEADER} ${DOUBLE}`))
    await expect(openSession('test', { backend: 'native', kernels: file }, bytes)).rejects.toMatchObject({
      code: 'kernel-library',
      message: expect.stringContaining(file) as string,
    })
  })
})
