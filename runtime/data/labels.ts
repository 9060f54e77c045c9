/** Names of classes and their numbers. */
import { DropBPError, IOError, UsageError } from '../../src/errors.js'
import type { Rows, Where } from './sources/source.js'

/** More names than this are no classes. */
const MOST = 100_000

/** Class numbers by name. Numbers in the data are class numbers themselves, in digits too. */
export class LabelMap {
  private readonly numbers: ReadonlyMap<string, number>

  /** @param names in the order of their numbers; empty where the data has the numbers */
  constructor(readonly names: readonly string[]) {
    this.numbers = new Map(names.map((name, i) => [name, i]))
    if (this.numbers.size < names.length)
      throw new UsageError('bad-value', `a label is named twice among ${names.join(', ')}`)
  }

  /**
   * The labels of a column, in the order of their characters; numbers stay what they are.
   * @throws UsageError `too-many-labels`
   */
  static collect(rows: Rows, column: string, classes: number | undefined): LabelMap {
    const names = new Set<string>()
    let digits = true
    for (let i = 0; i < rows.length; i++) {
      const value = rows.get(i)[column]
      for (const label of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (typeof label !== 'string') continue
        digits &&= /^\d+$/.test(label)
        names.add(label)
        if (names.size > MOST) break
      }
    }
    if (digits) return new LabelMap([])
    const limit = classes ?? MOST
    if (names.size > limit) {
      const shown = [...names].slice(0, 5).join(', ')
      throw new UsageError(
        'too-many-labels',
        `the column "${column}" holds ${names.size > MOST ? 'more than ' : ''}${Math.min(names.size, MOST)} different labels (${shown}, …), the model has ${limit} classes`,
      )
    }
    return new LabelMap([...names].sort())
  }

  /** The class number of a label. @throws DropBPError `unknown-label`; IOError `bad-row` */
  id(label: unknown, where: Where): number {
    const number = typeof label === 'string' ? this.numbers.get(label) : undefined
    if (number !== undefined) return number
    const own = typeof label === 'boolean' || label === '' || label === null ? NaN : Number(label)
    if (Number.isInteger(own)) return own
    if (this.names.length === 0)
      throw new IOError('bad-row', `${where}: the label ${JSON.stringify(label)} is no class number`)
    throw new DropBPError(
      'unknown-label',
      `${where}: the label ${JSON.stringify(label)} is none of ${this.names.slice(0, 20).join(', ')}${this.names.length > 20 ? ', …' : ''}`,
    )
  }

  /** Ones [classes] at the labels of a list, or the list itself where it already is one number for each class. */
  manyHot(labels: unknown, classes: number, where: Where): number[] {
    const list = Array.isArray(labels) ? (labels as unknown[]) : [labels]
    if (this.names.length === 0 && list.length === classes) return list.map(Number)
    const values = new Array<number>(classes).fill(0)
    for (const label of list) {
      const id = this.id(label, where)
      if (id >= classes)
        throw new DropBPError('label-out-of-range', `${where}: label ${id}; the model has ${classes} classes`)
      values[id] = 1
    }
    return values
  }

  /** As configurations of models hold it. */
  toJSON(): { id2label: Record<string, string>; label2id: Record<string, number> } {
    return {
      id2label: Object.fromEntries(this.names.map((name, i) => [String(i), name])),
      label2id: Object.fromEntries(this.names.map((name, i) => [name, i])),
    }
  }
}
