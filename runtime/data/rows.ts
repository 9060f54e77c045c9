/** Records of files as examples of a task. */
import { UsageError } from '../../src/errors.js'
import { checkExample, counts, type Contract, type Dataset, type Example } from './example.js'
import type { Row, Rows, Where } from './sources/source.js'
import type { Encode, Task } from './tasks/task.js'

/** Examples made of records when they are asked for; nothing of them is kept. */
export class RowDataset implements Dataset {
  /** @param describe the text of a token, for messages */
  constructor(
    private readonly rows: Rows,
    private readonly encode: Encode,
    private readonly contract: Contract,
    private readonly describe?: (token: number) => string | undefined,
  ) {}

  get length(): number {
    return this.rows.length
  }

  /** @throws DropBPError `token-out-of-range`, `label-out-of-range`, and what the task throws */
  get(i: number): Example | null {
    const row = this.rows.get(i)
    const where = placeOf(this.rows, i)
    const example = this.encode(row, where)
    if (example === null) return null
    checkExample(example, this.contract, where, this.describe)
    return counts(example, this.contract) ? example : null
  }

  where(i: number): string {
    return this.rows.where(i)
  }
}

const placeOf = (rows: Rows, i: number): Where => ({ toString: () => rows.where(i) })

/** Checks the columns of all records, so that a bad one is told before training. @throws IOError `bad-row` */
export function checkRows(rows: Rows, task: Pick<Task, 'check'>): void {
  for (let i = 0; i < rows.length; i++) {
    task.check(rows.get(i), placeOf(rows, i))
  }
}

/**
 * Records with columns under other names: `names` has the task's name for each that is called otherwise in the file.
 * @throws UsageError `missing-column`
 */
export function renamed(rows: Rows, names: Readonly<Record<string, string>>): Rows {
  const pairs = Object.entries(names)
  if (pairs.length === 0 || rows.length === 0) return rows
  const unknown = pairs.find(([, from]) => !rows.columns.includes(from))
  if (unknown) {
    throw new UsageError(
      'missing-column',
      `${rows.where(0)}: there is no column "${unknown[1]}" to be "${unknown[0]}"; there are ${rows.columns.join(', ')}`,
    )
  }
  const rename = (row: Row): Row => ({
    ...row,
    ...Object.fromEntries(pairs.map(([to, from]) => [to, row[from]])),
  })
  return {
    kind: 'rows',
    length: rows.length,
    columns: [...new Set([...rows.columns, ...pairs.map(([to]) => to)])],
    get: (i) => rename(rows.get(i)),
    where: (i) => rows.where(i),
    close: () => rows.close(),
  }
}

/** Records of several files, one file after the other. */
export function joined(parts: readonly Rows[]): Rows {
  if (parts.length === 1) return parts[0]!
  const find = (i: number): [part: Rows, index: number] => {
    for (const part of parts) {
      if (i < part.length) return [part, i]
      i -= part.length
    }
    throw new RangeError(`no record ${i}`)
  }
  const at = <T>(i: number, of: (part: Rows, index: number) => T): T => of(...find(i))
  return {
    kind: 'rows',
    length: parts.reduce((n, part) => n + part.length, 0),
    columns: parts.map((p) => p.columns).reduce((all, own) => all.filter((c) => own.includes(c))),
    get: (i) => at(i, (part, index) => part.get(index)),
    where: (i) => at(i, (part, index) => part.where(index)),
    close: () => parts.forEach((part) => part.close()),
  }
}
