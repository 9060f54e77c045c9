/** The native session in the threads of one process: several at once, and ends that nobody prepared. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { encodeModel } from '../../../src/onnx/index.js'
import { parseModel } from '../../../src/text.js'
import { temporaryDirectory } from '../tiny.js'
import { available } from './available.js'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const PROGRAM = path.join(import.meta.dirname, 'threads.mjs')

const model = path.join(temporaryDirectory(), 'products.onnx')
writeFileSync(
  model,
  encodeModel(
    parseModel(`<ir_version: 8, opset_import: ["" : 18]> g (float[n, n] x) => (float[n, n] y) {
      a = MatMul(x, x) b = MatMul(a, x) c = MatMul(b, x) y = MatMul(c, x)
    }`),
  ),
)

function run(what: string): { status: number | null; results: number[]; stderr: string } {
  const runtime = path.join(ROOT, 'dist/runtime/index.js')
  const child = spawnSync(process.execPath, [PROGRAM, runtime, model, what], { encoding: 'utf8' })
  return {
    status: child.status,
    results: child.stdout ? (JSON.parse(child.stdout) as number[]) : [],
    stderr: child.stderr,
  }
}

describe.skipIf(!available)('threads', () => {
  test('run sessions at the same time, with one result', () => {
    const { status, results, stderr } = run('together')
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(results).toHaveLength(4)
    expect(new Set(results).size).toBe(1)
    expect(Math.abs(results[0]!)).toBeGreaterThan(0)
  })

  test.each(['forgotten', 'terminated'])('%s: the process goes on', (what) => {
    const { status, results, stderr } = run(what)
    expect(stderr).toBe('')
    expect(status).toBe(0)
    expect(results).toEqual([run('together').results[0]])
  })

  test('the process can end in the middle of a run', () => {
    expect(run('exits')).toMatchObject({ status: 7, stderr: '' })
  })
})
