/** Tensor data in every place where ONNX may keep it; the files are made by onnx-proto or by hand. */
import { onnx } from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import { Graph, Model, Value } from '../../src/ir.js'
import { encodeModel, readModel, stringTensor, tensorStrings } from '../../src/onnx/index.js'
import { Tensor } from '../../src/tensor.js'
import { field, find, message } from './wire.js'

function modelOf(tensor: Uint8Array): Buffer {
  return message(
    field(1, 10),
    field(8, message(field(2, 20))),
    field(7, message(field(2, 'g'), field(5, tensor))),
  )
}

/** The tensor that the reader makes of a TensorProto written by onnx-proto. */
function read(proto: onnx.ITensorProto): Tensor {
  const model = readModel(modelOf(onnx.TensorProto.encode(proto).finish()))
  return [...model.graph.initializers][0]!.data!
}

const T = onnx.TensorProto.DataType

describe('typed fields', () => {
  it.each<[string, onnx.ITensorProto, string, number[]]>([
    ['float', { dataType: T.FLOAT, floatData: [1.5, -0, 3e38] }, 'float32', [1.5, -0, Math.fround(3e38)]],
    ['double', { dataType: T.DOUBLE, doubleData: [Math.PI, -1, 0] }, 'float64', [Math.PI, -1, 0]],
    ['int32', { dataType: T.INT32, int32Data: [1, -1, -(2 ** 31)] }, 'int32', [1, -1, -(2 ** 31)]],
    ['int8', { dataType: T.INT8, int32Data: [1, -1, -128] }, 'int8', [1, -1, -128]],
    ['uint8', { dataType: T.UINT8, int32Data: [0, 7, 255] }, 'uint8', [0, 7, 255]],
    ['int16', { dataType: T.INT16, int32Data: [1, -1, -32768] }, 'int16', [1, -1, -32768]],
    ['uint16', { dataType: T.UINT16, int32Data: [1, 0, 65535] }, 'uint16', [1, 0, 65535]],
    ['bool', { dataType: T.BOOL, int32Data: [1, 0, 1] }, 'bool', [1, 0, 1]],
    ['float16', { dataType: T.FLOAT16, int32Data: [0x3c00, 0xc000, 0x7bff] }, 'float16', [1, -2, 65504]],
    ['bfloat16', { dataType: T.BFLOAT16, int32Data: [0x3f80, 0xbfc0, 0] }, 'bfloat16', [1, -1.5, 0]],
    ['int64', { dataType: T.INT64, int64Data: [1, -1, 2 ** 40] }, 'int64', [1, -1, 2 ** 40]],
    ['uint32', { dataType: T.UINT32, uint64Data: [1, 0, 2 ** 32 - 1] }, 'uint32', [1, 0, 2 ** 32 - 1]],
    ['uint64', { dataType: T.UINT64, uint64Data: [1, 0, 2 ** 50] }, 'uint64', [1, 0, 2 ** 50]],
  ])('%s', (_, proto, dtype, numbers) => {
    const tensor = read({ dims: [3], name: 'w', ...proto })
    expect(tensor.dtype).toBe(dtype)
    expect([...tensor.numbers()]).toEqual(numbers)
    expect([...tensor.reshaped([3, 1]).numbers()]).toEqual(numbers)
  })

  it('too few of them are found out when they are read', () => {
    expect(() => read({ dims: [3], dataType: T.FLOAT, floatData: [1] }).numbers()).toThrow(
      /needs 12 bytes, its data has 4/,
    )
    expect(() => read({ dims: [3], dataType: T.INT64, int64Data: [1] }).numbers()).toThrow(
      /needs 24 bytes, its data has 8/,
    )
  })

  it('values written one by one instead of packed', () => {
    const float = Buffer.concat([Buffer.from([4 * 8 + 5]), Buffer.from(Float32Array.of(2.5).buffer)])
    const floats = message(field(1, 2), field(2, 1), field(8, 'w'), float, float)
    const ints = message(field(1, 2), field(2, 7), field(8, 'w'), field(7, 300), field(7, 5))
    const values = (tensor: Buffer): number[] => {
      const once = readModel(modelOf(tensor))
      const twice = readModel(encodeModel(once))
      const numbers = [once, twice].map((m) => [...[...m.graph.initializers][0]!.data!.numbers()])
      expect(numbers[1]).toEqual(numbers[0])
      return numbers[0]!
    }
    expect(values(floats)).toEqual([2.5, 2.5])
    expect(values(ints)).toEqual([300, 5])
  })
})

describe('raw data', () => {
  it('is a view on the file, not a copy', () => {
    const bytes = modelOf(
      message(field(1, 2), field(2, 1), field(8, 'w'), field(9, Buffer.from(Float32Array.of(1, 2).buffer))),
    )
    const data = [...readModel(bytes).graph.initializers][0]!.data!.bytes()
    expect(data.buffer).toBe(bytes.buffer)
  })

  it('float_data is a view too', () => {
    const bytes = modelOf(
      onnx.TensorProto.encode({ dims: [2], dataType: T.FLOAT, floatData: [1, 2] }).finish(),
    )
    expect([...readModel(bytes).graph.initializers][0]!.data!.bytes().buffer).toBe(bytes.buffer)
  })

  it('of no elements', () => {
    const tensor = read({ dims: [0, 4], dataType: T.FLOAT, rawData: new Uint8Array() })
    expect([...tensor.numbers()]).toEqual([])
    expect(tensor.shape).toEqual([0, 4])
  })
})

describe('element types without a name here', () => {
  const [FLOAT8E4M3FN, INT4, COMPLEX64] = [17, 22, 14]

  it.each([
    ['float8', FLOAT8E4M3FN, field(9, Buffer.from([1, 2, 3]))],
    ['int4, two an element', INT4, field(9, Buffer.from([0x21, 0x03]))],
    ['complex64 in float_data', COMPLEX64, field(4, Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer))],
    ['float8 in int32_data', FLOAT8E4M3FN, field(5, Buffer.from([1, 2, 3]))],
  ])('%s keeps its bytes', (_, code, data) => {
    const tensor = message(field(1, 3), field(2, code), field(8, 'w'), data)
    const model = readModel(modelOf(tensor))
    const value = [...model.graph.initializers][0]!
    expect(value.type!.dtype).toBe('other')
    const written = find(encodeModel(model), 7, 5)[0]!
    for (const number of [2, 4, 5, 9]) expect(find(written, number)).toEqual(find(tensor, number))
    expect(() => value.data!.numbers()).toThrow(/other|plain bytes/)
  })
})

describe('strings', () => {
  it('are read, made and written', () => {
    const tensor = read({
      dims: [2],
      dataType: T.STRING,
      stringData: [Buffer.from('a'), Buffer.from('größer')],
    })
    expect(tensorStrings(tensor)).toEqual(['a', 'größer'])
    const graph = new Graph()
    graph.addInitializer(Object.assign(new Value('s'), { data: stringTensor([1, 2], ['x', '']) }))
    const bytes = encodeModel(new Model(graph))
    const proto = onnx.ModelProto.decode(bytes).graph!.initializer![0]!
    expect(proto.stringData!.map((s) => Buffer.from(s).toString())).toEqual(['x', ''])
    expect(proto.dims!.map(Number)).toEqual([1, 2])
    expect(() => tensorStrings(Tensor.scalar('float32', 1))).toThrow(/no strings/)
  })
})

it('a description of a tensor survives', () => {
  const proto = { dims: [1], dataType: T.FLOAT, name: 'w', docString: 'why', rawData: new Uint8Array(4) }
  const model = readModel(
    modelOf(message(onnx.TensorProto.encode(proto).finish(), field(16, field(1, 'key')))),
  )
  const written = find(encodeModel(model), 7, 5)[0]!
  expect(find(written, 12).map(String)).toEqual(['why'])
  expect(find(written, 16, 1).map(String)).toEqual(['key'])
})
