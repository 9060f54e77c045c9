/** What a measurement was taken on. */
import { readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** Processor and versions, in one line. */
export function machine(): string {
  const file = path.resolve(import.meta.dirname, '../../node_modules/onnxruntime-node/package.json')
  const ort = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  const cpus = os.cpus()
  return `${cpus[0]!.model.trim()}, ${cpus.length} logical processors; onnxruntime-node ${ort.version}, Node ${process.version}`
}
