/** Literals to tensors. */
import {
  DataLocation,
  type Entry,
  type TensorProto,
  type TensorTypeProto,
  type ValueInfo,
} from '../onnx/messages.js'
import { elementBytes, PRIMITIVES } from './literals.js'
import type { Scanner } from './scanner.js'
import { shaped } from './types.js'

/** The value of an initializer, after its `=`. */
export function initializer(s: Scanner, info: ValueInfo): TensorProto {
  if (!info.type?.tensorType) throw s.fail(`"${info.name}" to have a tensor type before its value`)
  const proto = tensorOf(s, info.type.tensorType, info.name!)
  if (s.accept('[')) {
    proto.externalData = pairs(s)
    proto.dataLocation = DataLocation.EXTERNAL
    return proto
  }
  return elements(s, proto)
}

/** A tensor with its type in front. */
export function tensor(s: Scanner): TensorProto {
  const type = shaped(s, s.name())
  const name = s.seesName() ? s.name() : ''
  s.accept('=')
  return elements(s, tensorOf(s, type, name))
}

function tensorOf(s: Scanner, type: TensorTypeProto, name: string): TensorProto {
  const dims = (type.shape?.dim ?? []).map((d) => {
    if (d.dimValue === undefined) throw s.fail(`the dimensions of tensor "${name}" to be numbers`)
    return d.dimValue
  })
  return { dims, dataType: type.elemType!, ...(name && { name }) }
}

function elements(s: Scanner, proto: TensorProto): TensorProto {
  s.expect('{')
  if (PRIMITIVES[proto.dataType!] === 'string') {
    proto.stringData = s.list('}', () => Buffer.from(s.quoted(), 'utf8'))
    return proto
  }
  const literals = s.list('}', () => s.literal())
  const size = proto.dims!.reduce<number>((n, d) => n * Number(d), 1)
  if (literals.length !== size)
    throw s.fail(`${size} values for tensor "${proto.name ?? ''}" (there are ${literals.length}) before`)
  proto.rawData = elementBytes(proto.dataType!, literals)
  return proto
}

/** `"key": "value"` pairs up to a closing bracket. */
export function pairs(s: Scanner): Entry[] {
  return s.list(']', () => {
    const key = s.quoted()
    s.expect(':')
    return { key, value: s.quoted() }
  })
}
