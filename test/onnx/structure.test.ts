/** What a model may consist of, read into the IR and written back. */
import { describe, expect, it } from 'vitest'
import { Graph, Model, Node, Value, type Attribute } from '../../src/ir.js'
import { encodeModel, functionDefaults, overloadOf, readModel } from '../../src/onnx/index.js'
import { Tensor } from '../../src/tensor.js'
import { formatType, tensorType } from '../../src/types.js'
import { parseModel } from '../../src/text.js'
import { verify } from '../../src/verify.js'
import { runModel, feed } from '../helpers/expect-pass.js'
import { field, find, message } from './wire.js'

const INT64_MAX = 2n ** 63n - 1n

function model(...graphFields: Uint8Array[]): Buffer {
  const graph = message(field(2, 'g'), ...graphFields)
  return message(field(1, 10), field(8, message(field(2, 20))), field(7, graph))
}

function text(bytes: Uint8Array, ...path: number[]): string[] {
  return find(bytes, ...path).map(String)
}

describe('values', () => {
  const dim = (...fields: Uint8Array[]): Buffer => field(1, message(...fields))
  const shaped = (element: number, ...dims: Uint8Array[]): Buffer =>
    field(2, field(1, message(field(1, element), field(2, message(...dims)))))
  const input = (name: string, ...rest: Uint8Array[]): Buffer => field(11, message(field(1, name), ...rest))
  const typesOf = (bytes: Uint8Array): string[] =>
    readModel(bytes).graph.inputs.map((v) => formatType(v.type))

  it('dimensions: numbers, names, sums of names, odd names, none', () => {
    const bytes = model(
      input('a', shaped(1, dim(field(2, 'batch')), dim(field(1, 3)), dim(field(1, 0)))),
      input('b', shaped(7, dim(field(2, 'past')), dim(field(2, 'seq')))),
      input('c', shaped(7, dim(field(2, 'batch')), dim(field(2, 'past + seq')))),
      input('d', shaped(1, dim(field(2, 'my-dim')), dim(field(2, 'my-dim')), dim(field(2, '')), dim())),
      input('e', shaped(1)),
      input('f', field(2, field(1, field(1, 1)))),
      input('g'),
    )
    expect(typesOf(bytes)).toEqual([
      'float32[batch, 3, 0]',
      'int64[past, seq]',
      'int64[batch, past + seq]',
      'float32[my_dim, my_dim, d_dim_2, d_dim_3]',
      'float32[]',
      'float32[?]',
      'unknown',
    ])
    expect(find(encodeModel(readModel(bytes)), 7, 11)).toEqual(find(bytes, 7, 11))
  })

  it('two odd names that look alike stay two dimensions', () => {
    const types = typesOf(
      model(input('x', shaped(1, dim(field(2, 'a-b')), dim(field(2, 'a_b')), dim(field(2, 'a b'))))),
    )
    expect(types).toEqual(['float32[a_b_1, a_b, a_b_2]'])
  })

  it('sequences, optionals, float8 and the like are kept as they are', () => {
    const sequence = field(2, field(4, field(1, field(1, field(1, 1)))))
    const optional = field(2, field(9, field(1, field(1, field(1, 1)))))
    const bytes = model(input('s', sequence), input('o', optional), input('q', shaped(17, dim(field(1, 2)))))
    expect(typesOf(bytes)).toEqual(['other[?]', 'other[?]', 'other[2]'])
    expect(find(encodeModel(readModel(bytes)), 7, 11)).toEqual(find(bytes, 7, 11))
  })

  it('a type that a pass changed is written as it is now; documentation stays', () => {
    const read = readModel(model(input('x', shaped(1, dim(field(2, 'n'))), field(3, 'what it is'))))
    read.graph.inputs[0]!.type = tensorType('float16', ['n', 'n+1', 4])
    const written = encodeModel(read)
    expect(formatType(readModel(written).graph.inputs[0]!.type)).toBe('float16[n, n + 1, 4]')
    expect(text(written, 7, 11, 2, 1, 2, 1, 2)).toEqual(['n', 'n + 1'])
    expect(text(written, 7, 11, 3)).toEqual(['what it is'])
  })

  it('an initializer that is an input too is an initializer', () => {
    const tensor = field(5, message(field(1, 1), field(2, 1), field(8, 'w'), field(9, new Uint8Array(4))))
    const read = readModel(model(tensor, input('w', shaped(1, dim(field(1, 1)))), input('x')))
    expect(read.graph.inputs.map((v) => v.name)).toEqual(['x'])
    expect([...read.graph.initializers].map((v) => v.name)).toEqual(['w'])
    read.irVersion = 3
    expect(find(encodeModel(read), 1)[0]![0]).toBe(4)
  })

  it('sparse initializers are values without data, and are written back', () => {
    const values = message(field(1, 1), field(2, 1), field(8, 'w'), field(9, new Uint8Array(4)))
    const indices = message(field(1, 1), field(2, 7), field(9, new Uint8Array(8)))
    const sparse = field(15, message(field(1, values), field(2, indices), field(3, 3), field(3, 4)))
    const node = field(1, message(field(1, 'w'), field(2, 'y'), field(4, 'Relu')))
    const bytes = model(node, sparse, field(12, field(1, 'y')))
    const read = readModel(bytes)
    verify(read, 'reading')
    expect(formatType([...read.graph.nodes][0]!.input(0).type)).toBe('float32[3, 4]')
    expect(find(encodeModel(read), 7, 15)).toEqual(find(bytes, 7, 15))
  })
})

describe('nodes', () => {
  const node = (...fields: Uint8Array[]): Buffer => field(1, message(...fields))
  const input = field(11, field(1, 'x'))

  it('absent operands are null, absent outputs unnamed values', () => {
    const bytes = model(
      input,
      node(
        field(1, 'x'),
        field(1, ''),
        field(1, 'x'),
        field(2, ''),
        field(2, 'y'),
        field(2, ''),
        field(4, 'Op'),
      ),
      field(12, field(1, 'y')),
    )
    const read = readModel(bytes)
    const op = [...read.graph.nodes][0]!
    expect(op.inputs.map((v) => v?.name)).toEqual(['x', undefined, 'x'])
    expect(op.outputs.map((v) => [v.name, v.uses.size])).toEqual([
      ['', 0],
      ['y', 1],
      ['', 0],
    ])
    expect(find(encodeModel(read), 7, 1, 1)).toEqual(find(bytes, 7, 1, 1))
    expect(text(encodeModel(read), 7, 1, 2)).toEqual(['', 'y', ''])
  })

  it('an absent output that came into use gets a name', () => {
    const read = readModel(model(input, node(field(1, 'x'), field(2, 'y'), field(2, ''), field(4, 'Op'))))
    const op = [...read.graph.nodes][0]!
    read.graph.setOutputs([op.output(1)])
    expect(text(encodeModel(read), 7, 1, 2)).toEqual(['y', 'op'])
  })

  const attribute = (...fields: Uint8Array[]): Attribute => {
    const read = readModel(model(node(field(4, 'Op'), field(5, message(field(1, 'a'), ...fields)))))
    return [...read.graph.nodes][0]!.attributes.get('a')!
  }
  const float = (number: number, x: number): Buffer =>
    Buffer.concat([Buffer.from([number * 8 + 5]), Buffer.from(Float32Array.of(x).buffer)])

  it.each<[string, Buffer[], Attribute]>([
    ['float', [float(2, 0.5), field(20, 1)], { type: 'float', value: 0.5 }],
    ['int', [field(3, 7), field(20, 2)], { type: 'int', value: 7 }],
    ['an int left out', [field(20, 2)], { type: 'int', value: 0 }],
    ['string', [field(4, 'ö'), field(20, 3)], { type: 'string', value: 'ö' }],
    ['floats', [float(7, 1), float(7, 2), field(20, 6)], { type: 'floats', value: [1, 2] }],
    ['packed ints', [field(8, Buffer.from([1, 2])), field(20, 7)], { type: 'ints', value: [1, 2] }],
    ['no ints', [field(20, 7)], { type: 'ints', value: [] }],
    ['strings', [field(9, 'a'), field(9, ''), field(20, 8)], { type: 'strings', value: ['a', ''] }],
    ['untyped, as before IR version 2', [field(8, 3)], { type: 'ints', value: [3] }],
    ['untyped float', [float(2, 0)], { type: 'float', value: 0 }],
  ])('attribute: %s', (_, fields, expected) => {
    expect(attribute(...fields)).toEqual(expected)
  })

  it.each<[string, Buffer[]]>([
    ['bytes that are no text', [field(4, Buffer.from([0xff, 0xfe])), field(20, 3)]],
    ['a type', [field(14, field(1, field(1, 1))), field(20, 13)]],
    ['several tensors', [field(10, field(2, 1)), field(10, field(2, 7)), field(20, 9)]],
    ['a reference to an attribute of the function', [field(21, 'alpha'), field(20, 1)]],
    ['a kind of the future', [field(20, 77), field(99, 'new')]],
  ])('attribute: %s is kept raw', (_, fields) => {
    expect(attribute(...fields).type).toBe('raw')
    const bytes = model(node(field(4, 'Op'), field(5, message(field(1, 'a'), ...fields))))
    const written = encodeModel(readModel(bytes))
    for (const n of [4, 10, 14, 20, 21, 99])
      expect(find(written, 7, 1, 5, n)).toEqual(find(bytes, 7, 1, 5, n))
  })

  it('int64 attributes beyond 2^53 saturate, and are written back exactly', () => {
    const program = (a: string): string => `g () => () { Y = Op <a = ${a}, b = [1, ${a}]> () }`
    for (const n of [INT64_MAX, -INT64_MAX - 1n, 2n ** 60n + 1n]) {
      const bytes = encodeModel(parseModel(program(String(n))))
      const read = readModel(bytes)
      const { attributes } = [...read.graph.nodes][0]!
      const limit = n > 0 ? Number.MAX_SAFE_INTEGER : -Number.MAX_SAFE_INTEGER
      expect(attributes.get('a')).toMatchObject({ type: 'int', value: limit })
      expect(attributes.get('b')).toMatchObject({ type: 'ints', value: [1, limit] })
      expect(find(encodeModel(read), 7, 1, 5)).toEqual(find(bytes, 7, 1, 5))
    }
  })

  it('documentation, overloads, devices, metadata', () => {
    const device = message(field(1, 'config'), field(3, 2))
    const bytes = model(
      node(
        field(4, 'F'),
        field(7, 'd'),
        field(8, 'fast'),
        field(6, 'doc'),
        field(10, device),
        field(5, message(field(1, 'a'), field(3, 1), field(20, 2), field(13, 'about a'))),
      ),
    )
    const read = readModel(bytes)
    expect(overloadOf([...read.graph.nodes][0]!)).toBe('fast')
    const written = encodeModel(read)
    for (const path of [[6], [7], [8], [10], [5, 13]])
      expect(text(written, 7, 1, ...path)).toEqual(text(bytes, 7, 1, ...path))
  })
})

describe('nested graphs', () => {
  const program = `g (bool c, float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
    a = Mul (x, w)
    y = If (c) <
      then_branch = t () => (r) <float[2] k = {3, 4}> {
        i = If (c) <then_branch = tt () => (q) { q = Add (a, k) }, else_branch = ee () => (p) { p = Sub (a, w) }>
        r = Neg (i)
      },
      else_branch = e () => (s) { s = Identity (x) }>
  }`

  it('capture by identity, count as uses, and run', async () => {
    const read = parseModel(program)
    verify(read, 'reading')
    const a = [...read.graph.nodes][0]!.output()
    expect([...a.uses].map((u) => (u.user as Node).op).sort()).toEqual(['Add', 'Sub'])
    const outputs = await runModel(read, { c: feed('bool', [], [1]), x: feed('float32', [2], [1, 1]) })
    expect(outputs.y!.data).toEqual([-4, -6])
  })

  it('a name in a branch that hides an outer one is read as its own', async () => {
    const inner = 'then_branch = t () => (a) { a = Neg (x) }, else_branch = e () => (a) { a = Abs (x) }'
    const read = parseModel(
      `g (bool c, float x) => (float y, float a) { a = Exp (x)  y = If (c) <${inner}> }`,
    )
    const outputs = await runModel(read, { c: feed('bool', [], [1]), x: feed('float32', [], [3]) })
    expect([outputs.y!.data[0], outputs.a!.data[0]]).toEqual([-3, expect.closeTo(Math.exp(3), 3)])
  })

  it('a branch that returns a captured value, or one value twice, runs', async () => {
    const read = parseModel(`g (bool c, float x) => (float y, float z) {
      a = Exp (x)
      y, z = If (c) <then_branch = t () => (a, a) { }, else_branch = e () => (n, n) { n = Neg (x) }>
    }`)
    for (const [c, x, y] of [
      [1, 0, 1],
      [0, 5, -5],
    ] as const) {
      const outputs = await runModel(read, { c: feed('bool', [], [c]), x: feed('float32', [], [x]) })
      expect([outputs.y!.data, outputs.z!.data]).toEqual([[y], [y]])
    }
  })
})

describe('functions', () => {
  it('keep attributes, defaults, references, imports', () => {
    const read = parseModel(`<ir_version: 10, opset_import: ["" : 20, "d" : 3]>
      g (float x) => (float y) { y = d.Scaled <by = 3.0> (x) }
      <domain: "d", opset_import: ["" : 18], doc_string: "scales"> Scaled <by, kind: int = 4> (a) => (b) {
        k = Constant <value_float: float = @by> ()
        b = Mul (a, k)
      }`)
    const [fn] = read.functions
    expect([fn!.domain, fn!.name, fn!.attributes, fn!.opsets.get('')]).toEqual(['d', 'Scaled', ['by'], 18])
    expect(functionDefaults(fn!).get('kind')).toEqual({ type: 'int', value: 4 })
    const constant = [...fn!.body.nodes][0]!.attributes.get('value_float')!
    expect(constant).toMatchObject({ type: 'raw', value: { refAttrName: 'by' } })
    const bytes = encodeModel(read)
    const again = encodeModel(readModel(bytes))
    expect(Buffer.compare(again, bytes)).toBe(0)
    expect(text(bytes, 25, 8)).toEqual(['scales'])
  })

  it('run on ONNX Runtime, and import what they use', async () => {
    const graph = new Graph('g')
    const x = graph.addInput(new Value('x', tensorType('float32', [2])))
    const call = graph.addNode(new Node('DropBP', [x], [new Value('y', x.type)], [], 'com.dropbp'))
    graph.setOutputs(call.outputs)
    const body = new Graph('DropBP')
    const inner = body.addInput(new Value('branch'))
    const gelu = body.addNode(new Node('Gelu', [inner], [new Value('out')], [], 'com.microsoft'))
    // A constant of a body becomes a node, since functions have no initializers.
    const two = body.addInitializer('two', Tensor.scalar('float32', 2))
    body.setOutputs(body.addNode(new Node('Mul', [gelu.output(), two], [new Value('twice')])).outputs)
    const model = new Model(graph)
    model.opsets.set('', 20)
    model.functions.push({
      domain: 'com.dropbp',
      name: 'DropBP',
      attributes: [],
      opsets: new Map([['', 20]]),
      body,
    })
    const read = readModel(encodeModel(model))
    expect(Object.fromEntries(read.opsets)).toEqual({ '': 20, 'com.dropbp': 1, 'com.microsoft': 1 })
    expect(Object.fromEntries(read.functions[0]!.opsets)).toEqual({ '': 20, 'com.microsoft': 1 })
    const { y } = await runModel(model, { x: feed('float32', [2], [0, 10]) })
    expect(y!.data).toEqual([0, 20])
  })
})

describe('models', () => {
  it('what no pass looks into is written back', () => {
    const training = message(field(1, field(2, 'init')), field(3, message(field(1, 'k'), field(2, 'v'))))
    const configuration = message(field(1, 'two'), field(2, 2), field(3, 'cpu'))
    const annotation = message(field(1, 'x'), field(2, message(field(1, 'SCALE_TENSOR'), field(2, 's'))))
    const extra = [
      field(2, 'p'),
      field(3, 'v'),
      field(4, 'dom'),
      field(5, 12),
      field(6, 'doc'),
      field(14, message(field(1, 'k'), field(2, 'v'))),
      field(20, training),
      field(26, configuration),
    ]
    const bytes = message(
      model(
        field(10, 'graph doc'),
        field(14, annotation),
        field(16, field(1, 'gk')),
        field(13, field(1, 'nobody')),
      ),
      ...extra,
    )
    const written = encodeModel(readModel(bytes))
    for (const path of [[2], [3], [4], [5], [6], [14], [20], [26], [7, 10], [7, 14], [7, 13]]) {
      expect([path, ...find(written, ...path)]).toEqual([path, ...find(bytes, ...path)])
    }
    expect(text(written, 7, 16, 1)).toEqual(['gk'])
  })

  it('`ai.onnx` is the default domain, and no import means opset 1', () => {
    const node = field(1, message(field(4, 'Relu'), field(7, 'ai.onnx')))
    const named = message(field(1, 10), field(8, message(field(1, 'ai.onnx'), field(2, 17))), field(7, node))
    const read = readModel(named)
    expect([read.opset, [...read.graph.nodes][0]!.qualifiedOp]).toEqual([17, 'Relu'])
    expect(readModel(message(field(1, 1), field(7, node))).opset).toBe(1)
  })

  it('a tensor that a pass made is written with its data', () => {
    const graph = new Graph('g')
    graph.addInitializer('w', Tensor.of('float16', [2], [1, -2]))
    graph.addNode(
      new Node('Op', [], [new Value('y')], [['t', { type: 'tensor', value: Tensor.scalar('int64', 5) }]]),
    )
    const again = readModel(encodeModel(new Model(graph)))
    expect([...[...again.graph.initializers][0]!.data!.numbers()]).toEqual([1, -2])
    const attribute = [...again.graph.nodes][0]!.attributes.get('t')
    expect(attribute?.type === 'tensor' && attribute.value.item()).toBe(5)
  })
})
