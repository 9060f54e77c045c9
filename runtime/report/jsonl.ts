/** `metrics.jsonl`: one event a line. */
import fs from 'node:fs'
import path from 'node:path'
import { guarded, replaceFile } from '../../src/files.js'
import type { EventRecord } from './history.js'
import type { OpenSink } from './sink.js'

export const METRICS_FILE = 'metrics.jsonl'

/** Appends to what an earlier run wrote of the steps before it stopped. */
export const jsonl: OpenSink = ({ directory, done }) => {
  const file = path.join(directory, METRICS_FILE)
  const kept = readMetrics(directory, done).map((record) => `${JSON.stringify(record)}\n`)
  replaceFile(file, (sink) => sink.write(new TextEncoder().encode(kept.join(''))))
  const fd = guarded(file, 'write', () => fs.openSync(file, 'a'))
  return {
    event: (record) => guarded(file, 'write', () => void fs.writeSync(fd, `${JSON.stringify(record)}\n`)),
    close: () => fs.closeSync(fd),
  }
}

/** The records of `metrics.jsonl` up to a step; a line that a killed process left half written is passed over. */
export function readMetrics(directory: string, upTo = Infinity): EventRecord[] {
  const file = path.join(directory, METRICS_FILE)
  if (upTo === 0 || !fs.existsSync(file)) return []
  const lines = guarded(file, 'read', () => fs.readFileSync(file, 'utf8')).split('\n')
  return lines.flatMap((line) => {
    const record = parse(line)
    return record && record.step <= upTo ? [record] : []
  })
}

function parse(line: string): EventRecord | undefined {
  try {
    const record = JSON.parse(line) as EventRecord
    return typeof record?.step === 'number' ? record : undefined
  } catch {
    return undefined
  }
}
