import { describe, expect, test } from 'vitest'
import { Condition } from '../../passes/condition.js'

const gate = (i: number) => Condition.gate(i)

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
    expect(gate(3).or(Condition.never).key).toBe(gate(3).key)
    expect(gate(3).and(Condition.always).key).toBe(gate(3).key)
    expect(gate(3).and(Condition.never).isNever).toBe(true)
    expect(gate(3).or(Condition.always).isAlways).toBe(true)
  })

  test('weaker conjunctions absorb stronger ones, and order does not matter', () => {
    const a = gate(0).and(gate(1)).or(gate(0))
    expect(a.gates()).toEqual([[0]])
    expect(
      gate(5)
        .or(gate(2))
        .equals(gate(2).or(gate(5))),
    ).toBe(true)
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
    const gates = [0, 1, 2].map(gate)
    const formulas = [...gates, Condition.never, Condition.always]
    for (let round = 0; round < 3; round++) {
      const found = new Map(formulas.map((f) => [f.key, f]))
      for (const a of [...formulas])
        for (const b of [...formulas]) for (const c of [a.or(b), a.and(b)]) found.set(c.key, c)
      formulas.splice(0, formulas.length, ...found.values())
    }
    // The free distributive lattice on three generators, with bounds.
    expect(formulas).toHaveLength(20)
    for (const a of formulas)
      for (const b of formulas) {
        const rows = [...Array(8).keys()]
        expect(a.implies(b)).toBe(rows.every((row) => !holds(a, row) || holds(b, row)))
        expect(rows.every((row) => holds(a.or(b), row) === (holds(a, row) || holds(b, row)))).toBe(true)
        expect(rows.every((row) => holds(a.and(b), row) === (holds(a, row) && holds(b, row)))).toBe(true)
      }
  })
})

function holds(c: Condition, row: number): boolean {
  return c.gates().some((term) => term.every((g) => (row >> g) & 1))
}
