import { describe, expect, it } from 'vitest'
import type { Value } from '../../src/ir.js'
import { formatType } from '../../src/types.js'
import { expectPass } from '../helpers/expect-pass.js'

/** The inferred type of a value of a program. */
function typeOf(program: string, name: string): string {
  const { model } = expectPass(() => {}, program)
  const values: Value[] = [...model.graph.nodes].flatMap((n) => n.outputs)
  return formatType(values.find((v) => v.name === name)!.type)
}

const branches = `g (bool c, float[n, 4] x) => (y) {
  y = If (c) <then_branch = t () => (r) { r = Relu (x) }, else_branch = e () => (q) { q = ReduceSum (x, axes) }>
}`

describe('control flow', () => {
  it('an If has the dimensions that its branches agree on', () => {
    const text = branches.replace('=> (y) {', '=> (y) <int64[1] axes = {0}> {')
    expect(typeOf(text, 'y')).toMatch(/^float32\[unknown_\d+, 4\]$/)
  })

  it('a Loop stacks what it scans and keeps what the body keeps', () => {
    const text = `g (int64 m, bool c, float[n, 4] x) => (s, r) {
      s, r = Loop (m, c, x) <body = b (int64 i, bool go, float[n, 4] a) => (go2, a2, o) {
        go2 = Identity (go)  a2 = Relu (a)  o = Shape (a)
      }>
    }`
    expect(typeOf(text, 's')).toBe('float32[n, 4]')
    expect(typeOf(text, 'r')).toMatch(/^int64\[unknown_\d+, 2\]$/)
  })

  it('a Scan keeps its states and stacks along the scanned axis', () => {
    const text = `g (float[4] h, float[t, 4] x) => (s, r) {
      s, r = Scan <num_scan_inputs = 1> (h, x) <body = b (float[4] a, float[4] e) => (a2, o) {
        a2 = Add (a, e)  o = Identity (a2)
      }>
    }`
    expect(typeOf(text, 's')).toBe('float32[4]')
    expect(typeOf(text, 'r')).toBe('float32[t, 4]')
  })

  it('a Loop over a dimension stacks that many', () => {
    const text = (go: string) => `g (float[t, 4] x) => (s, r) <int64 zero = {0}, bool yes = {1}> {
      d = Shape (x)  m = Gather (d, zero)
      s, r = Loop (m, yes, x) <body = b (int64 i, bool go, float[t, 4] a) => (go2, a2, o) {
        go2 = ${go}  a2 = Relu (a)  o = Shape (a)
      }>
    }`
    expect(typeOf(text('Identity (yes)'), 'r')).toBe('int64[t, 2]')
    expect(typeOf(text('Not (go)'), 'r')).toMatch(/^int64\[unknown_\d+, 2\]$/)
  })

  it('a state that an iteration does not keep has an open dimension', () => {
    const text = `g (int64 m, bool c, float[n, 4] x) => (s, r) {
      s, r = Loop (m, c, x) <body = b (int64 i, bool go, float[n, 4] a) => (go2, a2, o) {
        go2 = Identity (go)  a2 = Concat <axis = 0> (a, x)  o = Shape (a)
      }>
    }`
    expect(typeOf(text, 's')).toMatch(/^float32\[unknown_\d+, 4\]$/)
  })
})
