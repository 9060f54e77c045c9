/** Trainings on a directory compiled with --kernels: what computes the functions is said, and changes no loss but for rounding. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NoKernels, type KernelLibrary } from '../../kernels/library.js'
import { chooseKernels } from '../../runtime/kernels.js'
import { describeBackend, openCompiled, Trainer, type SessionOptions } from '../../runtime/index.js'
import { chooseBackend } from '../../runtime/session.js'
import { compile } from '../../src/index.js'
import { library } from './native.js'

const SOURCE = path.resolve(import.meta.dirname, '../models/gpt2.onnx')
const canRegister = !(library instanceof NoKernels) && chooseBackend().name === 'native'

let root: string
const at = (name: string): string => path.join(root, name)
beforeAll(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'training-'))
  for (const kernels of [false, true])
    compile(SOURCE, { loss: { kind: 'causal-lm' }, kernels }).write(at(String(kernels)))
})
afterAll(() => rmSync(root, { recursive: true }))

/** Losses of a few steps under drawn masks, and what computed them. */
async function losses(
  kernels: boolean,
  session: SessionOptions,
): Promise<{ losses: number[]; said: string | undefined }> {
  const trainer = await Trainer.open(at(String(kernels)), {
    steps: 6,
    learningRate: 1e-3,
    dropbp: { dropRate: 0.5, seed: 1 },
    session: { threads: 1, ...session },
  })
  const ids = Array.from({ length: 20 }, (_, i) => BigInt((i * 7) % 61))
  const int64 = (data: bigint[]) => ({ dtype: 'int64', shape: [2, 10], data: BigInt64Array.from(data) })
  const inputs = Object.fromEntries(
    trainer.compiled.manifest.inputs.map(({ name }) => [
      name,
      int64(/mask/.test(name) ? ids.map(() => 1n) : ids),
    ]),
  )
  const found: number[] = []
  for (let i = 0; i < 6; i++) found.push((await trainer.trainStep([{ inputs, labels: int64(ids) }])).loss)
  const { backend } = trainer
  await trainer.release()
  return { losses: found, said: backend && describeBackend(backend) }
}

function expectSame(got: readonly number[], want: readonly number[]): void {
  expect(got).toHaveLength(want.length)
  got.forEach((x, i) =>
    expect(Math.abs(x / want[i]! - 1), `step ${i}: ${x} and ${want[i]}`).toBeLessThan(1e-5),
  )
}

describe('a training', () => {
  test('without kernels runs the bodies, and says so', async () => {
    const plain = await losses(false, { backend: 'node' })
    const bodies = await losses(true, { backend: 'node' })
    expectSame(bodies.losses, plain.losses)
    expect(plain.said).not.toMatch(/kernels/)
    expect(bodies.said).toMatch(/; without kernels: they need the native session \(as asked\)$/)
  })

  test.skipIf(!canRegister)('takes the kernels that are there, and says so', async () => {
    const plain = await losses(false, { backend: 'node' })
    const kernels = await losses(true, {})
    expectSame(kernels.losses, plain.losses)
    expect(kernels.said).toMatch(/native session; kernels for (avx512|avx2|neon|plain)$/)
    expect((await losses(true, { kernels: false })).said).toMatch(/without kernels: as asked$/)
  })
})

describe('the choice', () => {
  const manifest = (kernels: boolean) => openCompiled(at(String(kernels))).manifest

  test('a library that was asked for and cannot be used is refused', () => {
    const refused = (reason: RegExp) =>
      expect.objectContaining({ code: 'kernel-library', message: expect.stringMatching(reason) })
    expect(() => chooseKernels(manifest(true), { kernels: at('none.so'), backend: 'node' })).toThrow(
      refused(/native session/),
    )
    expect(() => chooseKernels(manifest(false), { kernels: at('none.so') })).toThrow(
      refused(/compiled without --kernels/),
    )
  })

  test.skipIf(!canRegister)('of what is there', () => {
    expect(() => chooseKernels(manifest(true), { kernels: at('none.so') })).toThrow(/is not there/)
    const { file } = library as KernelLibrary
    expect(chooseKernels(manifest(true), {}).options.kernels).toBe(file)
    expect(chooseKernels(manifest(false), {})).toEqual({ options: {} })
    const foreign = { ...manifest(true), kernels: ['Other_f32_v9'] }
    expect(chooseKernels(foreign, {}).said).toMatch(/without Other_f32_v9/)
  })
})
