/** `dropbp-train --session`: what runs a training is told once, kept in its report, and changes no number. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory, TINY, TOKENS } from '../tiny.js'
import { available } from './available.js'

const PROGRAM = path.resolve(import.meta.dirname, '../../../dist/src/cli/dropbp-train.js')

interface Told {
  type: string
  runtime?: string
  loss?: number
}

/** A training of a few steps: its events, and its report. */
function train(...more: string[]): { events: Told[]; report: string } {
  const out = temporaryDirectory()
  const quick = [
    '--data',
    TOKENS,
    '--seq',
    '8',
    '--batch',
    '2',
    '--threads',
    '1',
    '--steps',
    '6',
    '--no-export',
  ]
  const stdout = execFileSync(process.execPath, [PROGRAM, TINY, ...quick, '--json', '--out', out, ...more], {
    encoding: 'utf8',
    stdio: 'pipe',
    env: { ...process.env, DROPBP_SESSION: undefined },
  })
  const events = stdout.trim().split('\n')
  return {
    events: events.map((line) => JSON.parse(line) as Told),
    report: fs.readFileSync(path.join(out, 'report.html'), 'utf8'),
  }
}

describe('--session', () => {
  test.skipIf(!available)('native and node train alike, bit for bit, and say what they are', () => {
    const [native, node] = [train(), train('--session', 'node')]
    expect(native.events[0]).toMatchObject({ type: 'start', runtime: 'onnxruntime 1.30.0, native session' })
    expect(node.events[0]!.runtime).toMatch(/^onnxruntime 1\.30\.0 through onnxruntime-node: as asked$/)
    const losses = (events: Told[]) => events.flatMap((e) => (e.type === 'step' ? [e.loss] : []))
    expect(losses(native.events)).toHaveLength(6)
    expect(losses(native.events)).toEqual(losses(node.events))
    expect(native.report).toContain('native session')
    expect(node.report).toContain('through onnxruntime-node')
  })

  test('what is no session is refused', () => {
    expect(() => train('--session', 'nativ')).toThrow(/native/)
  })
})
