/** The outcome of every cell of an architecture. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { check } from './check.js'
import type { Cell, Row, Table } from './table.js'

const PROBLEMS_SHOWN = 3

/** CACHE/ARCHITECTURE/CELL.json. */
interface Made {
  /** What the exporter said instead of exporting. */
  failed?: string
  /** Why ONNX Runtime does not compute the same from the exported file. */
  refused?: string
}

type Found = Pick<Row, 'outcome'> & Partial<Row>

/** The table of an architecture, with the cells that have been made: make.py may have been told to make some only. */
export function tableOf(directory: string): Table {
  const table = JSON.parse(readFileSync(path.join(directory, 'table.json'), 'utf8')) as Table
  const isMade = (cell: Cell) => existsSync(path.join(directory, `${cell.name}.json`))
  return { ...table, cells: table.cells.filter(isMade) }
}

/** Checks one cell. */
export async function checkCell(directory: string, table: Table, cell: Cell): Promise<Row> {
  const made = JSON.parse(readFileSync(path.join(directory, `${cell.name}.json`), 'utf8')) as Made
  if (made.failed)
    return rowOf(directory, table, cell, {
      outcome: 'exporter failed',
      reason: brief(made.failed, directory),
    })
  const { outcome, reason, remark, ...found } = await compare(directory, table, cell)
  const refused = made.refused && `ONNX Runtime on the exported file: ${brief(made.refused, directory)}`
  if (outcome === 'wrong' && refused)
    return rowOf(directory, table, cell, { outcome: 'exporter failed', reason: refused })
  const remarks = [remark, refused].filter(Boolean).join('; ')
  return rowOf(directory, table, cell, { outcome, reason, remark: remarks || undefined, ...found })
}

async function compare(directory: string, table: Table, cell: Cell): Promise<Found> {
  try {
    const { problems, remarks, ...found } = await check(directory, table, cell)
    const shown = problems.slice(0, PROBLEMS_SHOWN)
    const reason = [...shown, ...(problems.length > PROBLEMS_SHOWN ? ['…'] : [])].join('; ')
    const outcome = reason ? 'wrong' : 'right'
    return { outcome, reason: reason || undefined, remark: remarks.join('; '), ...found }
  } catch (error) {
    return { outcome: 'wrong', reason: brief(String((error as Error).message), directory) }
  }
}

/** The row of a cell. */
export function rowOf(directory: string, { family }: Table, cell: Cell, found: Found): Row {
  const { exporter, opset, variant } = cell
  const { worst, ...others } = found
  const error = worst === undefined ? {} : { worst: Number(worst.toPrecision(2)) }
  return { architecture: path.basename(directory), family, exporter, opset, variant, ...others, ...error }
}

/** The first line of a message, without folders of the machine. */
function brief(message: string, directory: string): string {
  const [first] = message.split('\n')
  return first!.replaceAll(`${directory}/`, '').replaceAll(/\/\S*\/(?=site-packages\/)/g, '')
}
