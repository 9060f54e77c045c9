/**
 * The matrix: architecture × exporter × opset, against PyTorch.
 *
 *     npx tsx test/conformance/matrix/run.ts [CACHE] [architecture ...]
 *
 * Exports with make.py (whose Python is $PYTHON) what CACHE lacks, checks it, and merges the rows into results.json. Every
 * architecture is checked in a process of its own.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { check } from './check.js'
import type { Cell, Row, Table } from './table.js'

const HERE = import.meta.dirname
const RESULTS = path.join(HERE, 'results.json')
const PROBLEMS_SHOWN = 3

const [first, ...rest] = process.argv.slice(2)
if (first === '--check') await checkArchitecture(rest[0]!)
else await main(first ?? path.join(os.homedir(), '.cache', 'dropbp-matrix'), rest)

async function main(cache: string, chosen: string[]): Promise<void> {
  const python = process.env.PYTHON
  if (!python)
    return console.log(
      'The matrix is skipped: set PYTHON to one that has torch, transformers and onnxruntime.',
    )
  const make = [path.join(HERE, 'make.py'), cache, ...chosen]
  const names = execFileSync(python, [...make, '--list'], { encoding: 'utf8' })
    .trim()
    .split('\n')
  execFileSync(python, make, { stdio: 'inherit' })
  const rows: Row[] = []
  for (const name of names) rows.push(...report(path.join(cache, name)))
  save(rows)
  const wrong = rows.filter((row) => row.outcome === 'wrong')
  const right = rows.filter((row) => row.outcome === 'right').length
  console.log(
    `${right} right, ${wrong.length} wrong, ${rows.length - right - wrong.length} that the exporter failed on`,
  )
  if (wrong.length > 0) process.exitCode = 1
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
  const rows = child.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Row)
  const table = tableOf(directory)
  for (const cell of table.cells.slice(rows.length))
    rows.push(
      rowOf(directory, table, cell, {
        outcome: 'wrong',
        reason: `the check ended with code ${child.status ?? child.signal}`,
      }),
    )
  for (const row of rows) console.log(line(row))
  return rows
}

/** CACHE/ARCHITECTURE/CELL.json. */
interface Made {
  /** What the exporter said instead of exporting. */
  failed?: string
  /** Why ONNX Runtime does not compute the same from the exported file. */
  refused?: string
}

/** Prints a row, as JSON, for every cell. */
async function checkArchitecture(directory: string): Promise<void> {
  const table = tableOf(directory)
  for (const cell of table.cells) console.log(JSON.stringify(await checkCell(directory, table, cell)))
}

async function checkCell(directory: string, table: Table, cell: Cell): Promise<Row> {
  const made = JSON.parse(readFileSync(path.join(directory, `${cell.name}.json`), 'utf8')) as Made
  const { outcome, reason, remark, ...found } = made.failed
    ? { outcome: 'exporter failed' as const, reason: made.failed }
    : await compareCell(directory, table, cell)
  const local = (text?: string) =>
    text?.replaceAll(/\/\S*\/(?=site-packages\/)/g, '').replaceAll(`${directory}/`, '')
  const isExporters = outcome === 'wrong' && made.refused !== undefined
  const refused = made.refused && `ONNX Runtime on the exported file: ${made.refused}`
  return rowOf(directory, table, cell, {
    outcome: isExporters ? 'exporter failed' : outcome,
    reason: local(isExporters ? refused : reason),
    remark: isExporters ? undefined : local([remark, refused].filter(Boolean).join('; ')) || undefined,
    ...found,
  })
}

async function compareCell(directory: string, table: Table, cell: Cell): Promise<Found> {
  try {
    const { problems, remarks, ...found } = await check(directory, table, cell)
    const shown = problems.slice(0, PROBLEMS_SHOWN)
    const reason = [...shown, ...(problems.length > PROBLEMS_SHOWN ? ['…'] : [])].join('; ')
    return {
      outcome: reason ? 'wrong' : 'right',
      reason: reason || undefined,
      remark: remarks.join('; '),
      ...found,
    }
  } catch (error) {
    return { outcome: 'wrong', reason: String((error as Error).message).split('\n')[0]! }
  }
}

type Found = Pick<Row, 'outcome'> & Partial<Row>

function rowOf(directory: string, { family }: Table, cell: Cell, found: Found): Row {
  const { exporter, opset, variant } = cell
  const { worst, ...others } = found
  const error = worst === undefined ? {} : { worst: Number(worst.toPrecision(2)) }
  return { architecture: path.basename(directory), family, exporter, opset, variant, ...others, ...error }
}

function tableOf(directory: string): Table {
  const table = JSON.parse(readFileSync(path.join(directory, 'table.json'), 'utf8')) as Table
  // make.py may have been told to make some cells only.
  return {
    ...table,
    cells: table.cells.filter((cell) => existsSync(path.join(directory, `${cell.name}.json`))),
  }
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
