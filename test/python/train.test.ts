/** The Python loop over the emitted graphs trains as the runtime does: with PyTorch's losses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compile } from '../../src/index.js'
import { readCurve, TOKENS_FILE } from '../parity/curve.js'
import { missingPython, python } from './python.js'

const ROOT = path.resolve(import.meta.dirname, '../..')
const MODEL = 'gpt2'
const missing = missingPython('numpy', 'onnxruntime')
if (missing) console.warn(`skipped: ${missing}`)

let root: string
beforeAll(() => (root = mkdtempSync(path.join(os.tmpdir(), 'python-'))))
afterAll(() => rmSync(root, { recursive: true }))

test.skipIf(missing)('examples/python/train.py reaches the losses of PyTorch', () => {
  const curve = readCurve(MODEL)
  const directory = path.join(root, MODEL)
  const masks = path.join(root, 'masks.json')
  compile(path.join(ROOT, `test/models/${MODEL}.onnx`), {
    loss: { kind: 'causal-lm' },
  }).write(directory)
  writeFileSync(masks, JSON.stringify(curve.masks))
  const numbers = { steps: curve.losses.length, batch: curve.batch, seq: curve.seq, masks }
  const flags = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)])
  const settings = [`learning_rate=${curve.learningRate}`, `weight_decay=${curve.weightDecay}`]
  const script = path.join(ROOT, 'examples/python/train.py')
  const printed = python(script, directory, TOKENS_FILE, ...flags, '--set', ...settings)
  const losses = printed
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { loss: number }).loss)
  expect(losses).toHaveLength(curve.losses.length)
  const worst = Math.max(...losses.map((loss, i) => Math.abs(loss / curve.losses[i]! - 1)))
  expect(worst).toBeLessThan(1e-5)
})
