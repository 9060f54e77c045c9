/** `onnx.checker` accepts every emitted model, full check. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compile, FILES } from '../../src/index.js'
import { missingPython, python } from './python.js'

const MODELS = ['gpt2', 'gpt2_external', 'llama_ts17_left', 'bert', 'parallel']
const missing = missingPython('onnx')
if (missing) console.warn(`skipped: ${missing}`)

const CHECK = `
import sys, onnx
for file in sys.argv[1:]:
    onnx.checker.check_model(file, full_check=True)
    print(file)
`

let root: string
beforeAll(() => (root = mkdtempSync(path.join(os.tmpdir(), 'checker-'))))
afterAll(() => rmSync(root, { recursive: true }))

test.skipIf(missing).each([false, true])('accepts every emitted model, calls of kernels: %s', (kernels) => {
  const files = MODELS.flatMap((model) => {
    const directory = path.join(root, `${model}-${kernels}`)
    compile(path.resolve(import.meta.dirname, `../models/${model}.onnx`), { kernels }).write(directory)
    return [FILES.training, FILES.eval, FILES.annotated, FILES.optimizer].map((file) =>
      path.join(directory, file),
    )
  })
  expect(
    python('-c', CHECK, ...files)
      .trim()
      .split('\n'),
  ).toEqual(files)
})
