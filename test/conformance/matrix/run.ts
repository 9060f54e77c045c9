/**
 * The matrix: architecture × exporter × opset, against PyTorch.
 *
 *     npx tsx test/conformance/matrix/run.ts [CACHE] [architecture ...] [--no-export]
 *
 * Exports with make.py (whose Python is $PYTHON) what CACHE lacks, checks it, and merges the rows into results.json. Every
 * architecture is checked in a process of its own. `--no-export` checks what is there.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { missingPython, python, PYTHON } from '../../python/python.js'
import { checkCell, rowOf, tableOf } from './cells.js'
import type { Outcome, Row } from './table.js'

const HERE = import.meta.dirname
const RESULTS = path.join(HERE, 'results.json')

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { check: { type: 'string' }, 'no-export': { type: 'boolean', default: false } },
})
if (flags.check) await checkArchitecture(flags.check)
else await main(positionals[0] ?? path.join(os.homedir(), '.cache', 'dropbp-matrix'), positionals.slice(1))

async function main(cache: string, chosen: string[]): Promise<void> {
  const missing = missingPython('torch', 'transformers', 'onnx', 'onnxscript', 'onnxruntime', 'safetensors')
  if (missing) return console.log(`The matrix of architectures is skipped: ${missing}`)
  const make = [path.join(HERE, 'make.py'), cache, ...chosen]
  const names = python(...make, '--list')
    .trim()
    .split('\n')
  if (!flags['no-export']) execFileSync(PYTHON, make, { stdio: 'inherit' })
  const rows: Row[] = []
  for (const name of names) {
    rows.push(...report(path.join(cache, name)))
    save(rows)
  }
  const count = (outcome: Outcome) => rows.filter((row) => row.outcome === outcome).length
  console.log(
    `${count('right')} right, ${count('wrong')} wrong, ${count('exporter failed')} that the exporter failed on`,
  )
  if (count('wrong') > 0) process.exitCode = 1
}

/** The rows of one architecture, made by a process of its own; one that dies leaves a row that says so. */
function report(directory: string): Row[] {
  const script = fileURLToPath(import.meta.url)
  const child = spawnSync(process.execPath, ['--import', 'tsx', script, '--check', directory], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 600_000,
    maxBuffer: 1 << 26,
  })
  const lines = child.stdout.split('\n').filter((text) => text.startsWith('{'))
  const rows = lines.map((text) => JSON.parse(text) as Row)
  const table = tableOf(directory)
  const reason = `the check ended with code ${child.status ?? child.signal}`
  for (const cell of table.cells.slice(rows.length))
    rows.push(rowOf(directory, table, cell, { outcome: 'wrong', reason }))
  for (const row of rows) console.log(line(row))
  return rows
}

/** Prints a row, as JSON, for every cell. */
async function checkArchitecture(directory: string): Promise<void> {
  const table = tableOf(directory)
  for (const cell of table.cells) console.log(JSON.stringify(await checkCell(directory, table, cell)))
}

/** Rows of the architectures that ran replace theirs in results.json. */
function save(rows: Row[]): void {
  const before = existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as Row[]) : []
  const ran = new Set(rows.map((row) => row.architecture))
  const all = [...before.filter((row) => !ran.has(row.architecture)), ...rows]
  all.sort((a, b) => a.family.localeCompare(b.family) || a.architecture.localeCompare(b.architecture))
  writeFileSync(RESULTS, `[\n${all.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n]\n`)
}

function line(row: Row): string {
  const cell = `${row.exporter}-${row.opset}${row.variant && `-${row.variant}`}`
  const numbers = row.sites
    ? `sites ${row.sites.found} named ${row.named?.found}/${row.named?.expected} worst ${row.worst}`
    : ''
  return `${row.outcome.padEnd(15)} ${row.architecture.padEnd(20)} ${cell.padEnd(28)} ${numbers} ${row.reason ?? row.remark ?? ''}`.trimEnd()
}
