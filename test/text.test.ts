/** The textual syntax: what it looks like, what comes back, and what is refused. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CompileError } from '../src/errors.js'
import { inferGraph } from '../src/infer.js'
import type { Attribute } from '../src/ir.js'
import { loadModel, tensorStrings } from '../src/onnx/index.js'
import { standardOps } from '../src/ops/index.js'
import { parseModel, printGraph, printModel } from '../src/text.js'
import { formatType } from '../src/types.js'
import { verify } from '../src/verify.js'

const FOLDER = join(import.meta.dirname, 'models')
const EVERYTHING = { limit: Infinity, types: false }

function constants(text: string): Record<string, number[]> {
  const { initializers } = parseModel(`g () => () <${text}> { }`).graph
  return Object.fromEntries([...initializers].map((v) => [v.name, [...v.data!.numbers()]]))
}

function attributes(text: string): Record<string, Attribute> {
  const [node] = parseModel(`g () => () { Y = Op <${text}> () }`).graph.nodes
  return Object.fromEntries(node!.attributes)
}

function refused(text: string): CompileError {
  try {
    parseModel(text)
  } catch (error) {
    if (error instanceof CompileError) return error
    throw error
  }
  throw new Error('was accepted')
}

describe('print', () => {
  it('a program that a person can read', () => {
    const model = parseModel(`g (float[batch, seq, 4] x, bool keep) => (float[batch, seq, 4] y)
      <float[4, 4] "layer.0.weight" = {${Array(16).fill(0.1)}}, int64[2] axes = {0, -1}> {
      h = MatMul (x, "layer.0.weight")
      ["n/1"] t = com.microsoft.Gelu (h)
      y = If <else_branch = e () => (b) { b = Identity (x) }, then_branch = t () => (a) <float k = {0.5}> { a = Mul (t, k) }> (keep)
    }`)
    inferGraph(model.graph, model, standardOps)
    model.producerName = 'me'
    expect(printModel(model)).toMatchInlineSnapshot(`
      "<
        ir_version: 10,
        opset_import: ["" : 20, "com.microsoft" : 1],
        producer_name: "me"
      >
      g (float[batch, seq, 4] x, bool keep) => (float[batch, seq, 4] y) <
        float[4, 4] "layer.0.weight" = {...},
        int64[2] axes = {0, -1}
      > {
        h = MatMul (x, "layer.0.weight")  # float[batch, seq, 4]
        ["n/1"] t = com.microsoft.Gelu (h)  # float[batch, seq, 4]
        y = If (keep) <
          else_branch = e () => (float[batch, seq, 4] b) {
            b = Identity (x)  # float[batch, seq, 4]
          },
          then_branch = t () => (float[batch, seq, 4] a) <float k = {0.5}> {
            a = Mul (t, k)  # float[batch, seq, 4]
          }
        >  # float[batch, seq, 4]
      }
      "
    `)
  })

  it('a nested graph alone, under the names it has in its model', () => {
    const model = parseModel(`g (bool c, float x) => (float y) {
      y = If (c) <then_branch = t () => (y) { y = Neg (x) }, else_branch = e () => (z) { z = Abs (x) }>
    }`)
    const [choice] = model.graph.nodes
    expect(choice!.subgraphs.map(([, g]) => printGraph(g, { types: false }))).toEqual([
      't () => (y_1) {\n  y_1 = Neg (x)\n}\n',
      'e () => (z) {\n  z = Abs (x)\n}\n',
    ])
  })

  it('does not read the weights that it leaves out', () => {
    const model = loadModel(join(FOLDER, 'gpt2.onnx'))
    for (const value of model.graph.initializers) {
      if (value.data!.size > 8) value.data!.bytes = () => expect.unreachable('read')
    }
    expect(printModel(model)).toContain('"transformer.wpe.weight" = {...}')
  })

  it('leaves labels and types out where asked', () => {
    const model = parseModel('g (float x) => (float y) { [name] y = Neg (x) }')
    expect(printGraph(model.graph)).toBe('g (float x) => (float y) {\n  [name] y = Neg (x)  # float\n}\n')
    expect(printGraph(model.graph, { labels: false, types: false })).toBe(
      'g (float x) => (float y) {\n  y = Neg (x)\n}\n',
    )
  })
})

describe('print and parse', () => {
  const names = readdirSync(FOLDER).filter((f) => f.endsWith('.onnx'))

  it.each(names)('%s', (name) => {
    const model = loadModel(join(FOLDER, name))
    const again = parseModel(printModel(model, EVERYTHING))
    verify(again, 'parsing')
    expect(printModel(again, EVERYTHING)).toBe(printModel(model, EVERYTHING))
  })

  it('everything the syntax has', () => {
    const program = `<
  ir_version: 11,
  opset_import: ["" : 21, "a.b" : 2],
  producer_name: "say \\"hi\\" \\\\",
  producer_version: "1",
  domain: "d",
  model_version: 3,
  doc_string: "two
lines",
  metadata_props: ["k": "v", "": "w"]
>
"main graph" (
  float[n, "n + 1", 3, ?] x,
  float scalar,
  double[] any,
  seq(float[2]) s,
  optional(seq(int64)) o,
  map(string, float) m,
  sparse_tensor(float[2, 2]) p,
  opaque(dom, ain) q,
  float8e4m3fn[2] f8,
  untyped
) => (float[n] y) {
  [label] y, "", "z/1" = a.b.Op:over <f = 1.0, g = 1e-7, h: float = -inf, i = -3, s = "x", t = float[2] named {1, 0.1}, e: ints = [], l = [1.5, 2.0], r: floats = [nan], u = ["a", "b"], tt = [int64 {1}, bool[2] {1, 0}], ty: type_proto = float[2]> (x, "", any)
}
<
  domain: "a.b",
  overload: "over",
  opset_import: ["" : 21]
>
Op <alpha, beta = 2> (p, q) => (r) {
  r = Foo <a: float = @alpha> (p, q)
}
`
    expect(printModel(parseModel(program), EVERYTHING)).toBe(program)
  })
})

describe('parse', () => {
  it('types', () => {
    const { inputs } = parseModel('g (float16[2, n] a, float b, int64[] c, float, d) => () { }').graph
    expect(inputs.map((v) => `${v.name} ${formatType(v.type)}`)).toEqual([
      'a float16[2, n]',
      'b float32[]',
      'c int64[?]',
      'float unknown',
      'd unknown',
    ])
  })

  it('without a header, IR 10 and opset 20', () => {
    const model = parseModel('g () => () { }')
    expect([model.irVersion, model.opset]).toEqual([10, 20])
  })

  it('constants, declared types of intermediates, and values of inputs', () => {
    const model = parseModel(
      `g (float[2] w = {1, 2}, float x) => (y) <float[2] mid, int64 k = {3}> { mid = Add (x, w)  y = Neg (mid) }`,
    )
    expect(model.graph.inputs.map((v) => v.name)).toEqual(['x'])
    expect([...model.graph.initializers].map((v) => v.name)).toEqual(['w', 'k'])
    expect(formatType([...model.graph.nodes][0]!.output().type)).toBe('float32[2]')
  })

  it('elements', () => {
    expect(
      constants(`float[3] a = {1, -2.5e-3, inf}, double[2] b = {nan, -inf}, bool[2] c = {true, 0}, int8[2] d = {-128, 127},
        uint32 e = {4294967295}, int64[0] f = {}, float16[2] g = {15360, 49152}, float16[2] h = {1.0, -2.0}, bfloat16 i = {16256}`),
    ).toEqual({
      a: [1, Math.fround(-0.0025), Infinity],
      b: [NaN, -Infinity],
      c: [1, 0],
      d: [-128, 127],
      e: [4294967295],
      f: [],
      g: [1, -2],
      h: [1, -2],
      i: [1],
    })
  })

  it('64-bit integers exactly', () => {
    const text =
      'int64[3] a = {9223372036854775807, -9223372036854775808, 9007199254740993}, uint64 b = {18446744073709551615}'
    expect(printModel(parseModel(`g () => () <${text}> { }`))).toContain(
      '{9223372036854775807, -9223372036854775808, 9007199254740993}',
    )
    expect(printModel(parseModel(`g () => () <${text}> { }`))).toContain('{18446744073709551615}')
  })

  it('float32 with as few digits as say it', () => {
    const text = 'g () => () <float[5] a = {0.1, 1e-45, 3.4028235e+38, 16777217, -0}> {\n}\n'
    expect(printGraph(parseModel(text).graph)).toBe(text.replace('16777217', '16777216'))
  })

  it('strings', () => {
    const [value] = parseModel('g () => () <string[2] s = {"a\\"b", "ö\n"}> { }').graph.initializers
    expect(tensorStrings(value!.data!)).toEqual(['a"b', 'ö\n'])
  })

  it('attributes by their form or their declared type', () => {
    expect(
      attributes(
        'a = 1, b = 1.0, c: float = 1, d = "s", e = [1, 2], f = [1, 2.5], g: floats = [1], h: strings = []',
      ),
    ).toEqual({
      a: { type: 'int', value: 1 },
      b: { type: 'float', value: 1 },
      c: { type: 'float', value: 1 },
      d: { type: 'string', value: 's' },
      e: { type: 'ints', value: [1, 2] },
      f: { type: 'floats', value: [1, 2.5] },
      g: { type: 'floats', value: [1] },
      h: { type: 'strings', value: [] },
    })
  })

  it('comments, any layout, attributes before or after operands', () => {
    const model = parseModel(`# a program
      g(float x)=>(float y){# begins
      y=Op<a=1>(x)<b=2># "quoted
      }`)
    expect([...[...model.graph.nodes][0]!.attributes.keys()]).toEqual(['a', 'b'])
  })

  it.each([
    [
      'an operator without parentheses',
      'g (x) => (y) {\n  y = Neg x\n}',
      'line 2, column 11: expected `(`, got `x`; in `y = Neg x`',
    ],
    ['an end too early', 'g (x) => (y) { y = Neg (x)', 'expected the name of a value, got the end'],
    ['an unknown element type', 'g (flaot[2] x) => () { }', 'line 1, column 9'],
    ['text after the end', 'g () => () { } }', 'the name of a function'],
    ['an unclosed string', 'g () => () { y = Op <a = "b> () }', 'a string in double quotes'],
    ['a fraction as an integer', 'g () => () <int64 a = {1.5}> { }', 'expected an integer, got `1.5}'],
    ['an integer out of range', 'g () => () <uint8 a = {256}> { }', 'an integer from 0 to 255'],
    ['an int64 out of range', 'g () => () <int64 a = {9223372036854775808}> { }', 'a signed 64-bit integer'],
    ['too few elements', 'g () => () <float[3] a = {1}> { }', '3 values for tensor "a" (there are 1)'],
    ['a symbolic dimension of a constant', 'g () => () <float[n] a = {1}> { }', 'to be numbers'],
    ['a constant without a type', 'g () => () <a = {1}> { }', 'tensor type'],
    [
      'an empty list without a type',
      'g () => () { y = Op <a = []> () }',
      'the empty list "a" to have a type',
    ],
    ['a list of several types', 'g () => () { y = Op <a = [1, "b"]> () }', 'items of one type'],
    ['a value of another type', 'g () => () { y = Op <a: int = 1.5> () }', 'declared type'],
    ['an unknown attribute type', 'g () => () { y = Op <a: number = 1> () }', 'not "number"'],
    ['a reference without a type', 'g () => () { y = Op <a = @b> () }', 'to have a type'],
    ['an unknown key', '<ir_verson: 10> g () => () { }', 'not "ir_verson"'],
    ['data left out', 'g () => () <float[100] a = {...}> { }', 'leaves data out'],
  ])('refuses %s', (name, text, expected) => {
    const error = refused(text)
    expect(error.code).toBe(name === 'data left out' ? 'elided-data' : 'text-syntax')
    expect(error.message).toContain(expected)
  })

  it('names that nothing defines are found by the reader', () => {
    expect(refused('g (x) => (y) { y = Neg (z) }').code).toBe('unresolved-name')
  })
})
