/** Gradients of arbitrary nests of If, Loop and Scan against central differences, and in ONNX Runtime. */
import { test } from 'vitest'
import { differentiateProgram, expectGradients } from '../helpers/gradients.js'

const PROGRAMS = 8

/** Writes programs whose values are matrices [3, 4], or rows [4] of them within a Scan. */
class Writer {
  private count = 0

  constructor(private state: number) {}

  program(): string {
    const values = ['x', 'v']
    const body = this.block('float[3, 4]', values, 3, 4)
    return `g (bool c, bool d, int64 m, bool go, float[3, 4] x, float[3, 4] v, float[4, 4] w) => (float loss) {
      ${body.text}  square = Mul (${body.result}, ${body.result})  loss = ReduceSum <keepdims = 0> (square)
    }`
  }

  /** Statements that make new values of what is there, and the last one. */
  private block(type: string, values: readonly string[], depth: number, length: number) {
    const known = [...values]
    const lines: string[] = []
    for (let i = 0; i < length; i++) {
      const name = this.name()
      lines.push(this.statement(name, type, known, depth))
      known.push(name)
    }
    // Everything known is read, so that a mistake anywhere shows.
    const total = this.name()
    lines.push(`${total} = Sum (${known.slice(-3).join(', ')})`)
    const result = this.name()
    lines.push(`${result} = Tanh (${total})`)
    return { text: lines.join('\n'), result }
  }

  private statement(name: string, type: string, known: readonly string[], depth: number): string {
    const kinds = depth > 0 ? ['op', 'op', 'If', 'Loop', 'Scan'] : ['op']
    const kind = this.pick(kinds)
    if (kind === 'If') return this.condition(name, type, known, depth - 1)
    if (kind === 'Loop') return this.loop(name, type, known, depth - 1)
    if (kind === 'Scan' && type === 'float[3, 4]') return this.scan(name, known, depth - 1)
    const [a, b] = [this.pick(known), this.pick(known)]
    return this.pick([
      ...[`${name} = Sin (${a})`, `${name} = Mul (${a}, ${b})`, `${name} = Sub (${a}, ${b})`],
      ...[`${name} = MatMul (${a}, w)`, `${name} = Sigmoid (${a})`, `${name} = Identity (${a})`],
    ])
  }

  private condition(name: string, type: string, known: readonly string[], depth: number): string {
    const [then, other] = [this.block(type, known, depth, 2), this.block(type, known, depth, 1)]
    return `${name} = If (${this.pick(['c', 'd'])}) <
      then_branch = t () => (${then.result}) { ${then.text} }, else_branch = e () => (${other.result}) { ${other.text} }>`
  }

  private loop(name: string, type: string, known: readonly string[], depth: number): string {
    const [state, going, end, other] = [this.name(), this.name(), this.name(), this.name()]
    const body = this.block(type, [...known, state], depth, 2)
    const [stack, unused] = [this.name(), this.name()]
    return `${unused}, ${stack} = Loop (m, go, ${this.pick(known)}) <body = b (int64 ${this.name()}, bool ${going}, ${type} ${state})
        => (${end}, ${body.result}, ${other}) { ${body.text}  ${end} = Identity (${going})  ${other} = Mul (${body.result}, ${state}) }>
      ${name}_mean = ReduceSum <keepdims = 0> (${stack}, first)  ${name} = Add (${name}_mean, ${unused})`
  }

  private scan(name: string, known: readonly string[], depth: number): string {
    const [state, row] = [this.name(), this.name()]
    const body = this.block('float[4]', [state, row], depth, 2)
    const [output, last] = [this.name(), this.name()]
    const direction = this.pick([0, 1])
    return `${name}_start = ReduceSum <keepdims = 0> (${this.pick(known)}, first)
      ${last}, ${name} = Scan <num_scan_inputs = 1, scan_input_directions = [${direction}]> (${name}_start, ${this.pick(known)})
        <body = b (float[4] ${state}, float[4] ${row}) => (${body.result}, ${output}) { ${body.text}  ${output} = Add (${body.result}, ${row}) }>`
  }

  private name(): string {
    return `n${this.count++}`
  }

  private pick<T>(list: readonly T[]): T {
    this.state = (this.state * 48271) % 2147483647
    return list[Math.floor((this.state / 2147483647) * list.length)]!
  }
}

test.each(Array.from({ length: PROGRAMS }, (_, i) => i))('program %i', async (i) => {
  const text = new Writer(i * 7919 + 17)
    .program()
    .replace('=> (float loss) {', '=> (float loss) <int64[1] first = {0}> {')
  await expectGradients(differentiateProgram(text), {
    c: [i & 1],
    d: [(i >> 1) & 1],
    m: [1 + (i % 3)],
    go: [1],
  })
})
