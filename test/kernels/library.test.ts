/** The kernel library as the runtime looks at it: there, of this version, with a kernel for every function. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ADAMW } from '../../kernels/adamw/function.js'
import { KERNEL_FUNCTIONS } from '../../kernels/index.js'
import { findKernels, NoKernels, type KernelLibrary } from '../../kernels/library.js'
import { instructionSets, library, runKernel } from './native.js'
import { random } from './harness.js'

const isBuilt = !(library instanceof NoKernels)

let root: string
beforeAll(() => (root = mkdtempSync(path.join(os.tmpdir(), 'library-'))))
afterAll(() => rmSync(root, { recursive: true }))

test('a library that is not there', () => {
  expect(findKernels(path.join(root, 'none.so'))).toMatchObject({
    reason: expect.stringMatching(/is not there; `npm run build:kernels` builds it/),
  })
})

test.skipIf(!isBuilt)('a file that is no library', () => {
  const file = path.join(root, 'text.so')
  writeFileSync(file, 'text')
  expect(findKernels(file)).toMatchObject({ reason: expect.stringMatching(/cannot be loaded/) })
})

test.skipIf(!isBuilt)('a library of another version', () => {
  const { file, version } = library as KernelLibrary
  const bytes = readFileSync(file).toString('latin1')
  const other = path.join(root, 'other.so')
  writeFileSync(
    other,
    Buffer.from(bytes.replaceAll(`\0${version}\0`, `\0${'9'.repeat(version.length)}\0`), 'latin1'),
  )
  expect(findKernels(other)).toMatchObject({
    reason: expect.stringMatching(/is of version 9+ .*build it again/),
  })
})

test.skipIf(!isBuilt)('has a kernel for every function, and for nothing else', () => {
  const copy = path.join(root, 'copy.so')
  copyFileSync((library as KernelLibrary).file, copy)
  const { functions, instructionSet } = findKernels(copy) as KernelLibrary
  expect([...functions].sort()).toEqual([...KERNEL_FUNCTIONS.map((f) => f.name), ADAMW.name].sort())
  expect(instructionSets).toContain(instructionSet)
})

test.each(instructionSets)('operands that do not fit are refused, %s', (isa) => {
  const call =
    (name: string, shapes: number[][], outputs: number[][], attributes = [1]) =>
    () =>
      runKernel(isa, name, { inputs: shapes.map((s) => random(s)), outputs, attributes })
  expect(call('GeluGrad_f32_v1', [[2], [3]], [[2]])).toThrow(/differ in shape/)
  expect(
    call('LayerNormalizationGrad_f32_v1', [[2, 3], [2], [2, 3], [2, 1], [2, 1]], [[2, 3], [3], [3]]),
  ).toThrow(/an element a column/)
  expect(
    call(
      'Rotary_f32_v1',
      [
        [2, 3],
        [2, 3],
        [2, 3],
      ],
      [[2, 3]],
    ),
  ).toThrow(/no halves/)
  expect(
    call(
      'Attention_f32_v1',
      [
        [1, 2, 3, 4],
        [1, 2, 3, 5],
        [1, 2, 3, 4],
      ],
      [[1, 2, 3, 4]],
    ),
  ).toThrow(/fit together/)
  expect(call('GeluGrad_f32_v1', [[2], [2]], [[3]])).toThrow(/another shape/)
  expect(call('Nothing_f32_v1', [], [])).toThrow(/no kernel of that name/)
})
