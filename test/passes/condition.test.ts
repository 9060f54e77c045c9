import { describe, expect, test } from 'vitest'
import { Condition, Conditions } from '../../passes/condition.js'

const conditions = new Conditions()
const gate = (i: number) => conditions.gate(i)

describe('conditions', () => {
  test('a gate implies itself, its disjunctions, and always', () => {
    expect(gate(1).implies(gate(1))).toBe(true)
    expect(gate(1).implies(gate(1).or(gate(2)))).toBe(true)
    expect(gate(1).implies(Condition.always)).toBe(true)
    expect(gate(1).implies(gate(2))).toBe(false)
    expect(gate(1).or(gate(2)).implies(gate(1))).toBe(false)
  })

  test('a conjunction implies its parts', () => {
    expect(gate(1).and(gate(2)).implies(gate(2))).toBe(true)
    expect(gate(2).implies(gate(1).and(gate(2)))).toBe(false)
  })

  test('never and always are neutral and absorbing', () => {
    expect(gate(3).or(Condition.never)).toBe(gate(3))
    expect(gate(3).and(Condition.always)).toBe(gate(3))
    expect(gate(3).and(Condition.never).isNever).toBe(true)
    expect(gate(3).or(Condition.always).isAlways).toBe(true)
  })

  test('weaker conjunctions absorb stronger ones, and order does not matter', () => {
    const a = gate(0).and(gate(1)).or(gate(0))
    expect(a.gates()).toEqual([[0]])
    expect(gate(5).or(gate(2))).toBe(gate(2).or(gate(5)))
    expect(
      gate(2)
        .and(gate(0).or(gate(1)))
        .gates(),
    ).toEqual([
      [0, 2],
      [1, 2],
    ])
  })

  test('formulas agree with their truth tables', () => {
    const gates = [0, 1, 2, 3].map(gate)
    const found = new Set([...gates, Condition.never, Condition.always])
    for (let before = 0; before < found.size;) {
      before = found.size
      const formulas = [...found]
      for (const a of formulas) for (const b of formulas) found.add(a.or(b)).add(a.and(b))
    }
    // The free distributive lattice on four generators, with bounds.
    const formulas = [...found]
    expect(formulas).toHaveLength(168)
    // One bit a row.
    const table = new Map(formulas.map((f) => [f, tableOf(f, 1 << gates.length)]))
    const wrong = formulas.flatMap((a) =>
      formulas.filter((b) => {
        const [x, y] = [table.get(a)!, table.get(b)!]
        return (
          a.implies(b) !== ((x & ~y) === 0) ||
          table.get(a.or(b)) !== (x | y) ||
          table.get(a.and(b)) !== (x & y)
        )
      }),
    )
    expect(wrong).toEqual([])
    expect(new Set(table.values()).size).toBe(168)
    for (const a of formulas) {
      expect(a.size).toBe(a.gates().length)
      const required = [...gates.keys()].filter(
        (g) => !a.isNever && a.gates().every((term) => term.includes(g)),
      )
      expect(a.required.toSorted()).toEqual(required)
    }
  })

  test('the first k gates of thousands, for every k', () => {
    let some = Condition.never
    for (let k = 0; k < 2000; k++) {
      expect(gate(k).and(some).size).toBe(k)
      some = some.or(gate(k))
      expect(gate(k).implies(some)).toBe(true)
    }
    expect(Condition.any([...Array(2000).keys()].reverse().map(gate))).toBe(some)
  })
})

function tableOf(c: Condition, rows: number): number {
  return [...Array(rows).keys()].reduce((bits, row) => bits | (holds(c, row) ? 1 << row : 0), 0)
}

function holds(c: Condition, row: number): boolean {
  return c.gates().some((term) => term.every((g) => (row >> g) & 1))
}
