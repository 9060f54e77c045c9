/** `metrics.jsonl`: one event a line. */
import fs from 'node:fs'
import path from 'node:path'
import { AppendedFile, guarded, replaceFile } from '../../src/files.js'
import type { EventRecord } from './history.js'
import type { OpenSink } from './sink.js'

const METRICS_FILE = 'metrics.jsonl'
const utf8 = new TextEncoder()

/** Appends to what an earlier run wrote of the steps before it stopped. */
export const jsonl: OpenSink = ({ directory, done }) => {
  const file = path.join(directory, METRICS_FILE)
  const line = (record: EventRecord): string => `${JSON.stringify(record)}\n`
  const kept = readMetrics(directory, done).map(line).join('')
  replaceFile(file, (sink) => sink.write(utf8.encode(kept)))
  const lines = AppendedFile.open(file)
  return {
    event: (record) => lines.append(utf8.encode(line(record))),
    close: () => lines.close(),
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
