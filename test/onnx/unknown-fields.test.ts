/** Fields that the schema does not know survive, wherever they are; the bytes are made and searched by hand. */
import { expect, it } from 'vitest'
import { encodeModel, readModel } from '../../src/onnx/index.js'
import { field, find, message } from './wire.js'

const UNKNOWN = 999

/** A message with an unknown field that says where it is. */
function marked(where: string, ...fields: Uint8Array[]): Buffer {
  return message(field(UNKNOWN, `unknown in ${where}`), ...fields)
}

const [FLOAT, INT_TYPE] = [1, 2]
const dimension = marked('dimension', field(2, 'n'))
const type = marked(
  'type',
  field(1, marked('tensor type', field(1, FLOAT), field(2, marked('shape', field(1, dimension))))),
)
const valueInfo = (name: string): Buffer => marked(`value ${name}`, field(1, name), field(2, type))
const attribute = marked('attribute', field(1, 'k'), field(3, 7), field(20, INT_TYPE))
const raw = marked('raw attribute', field(1, 'sparse'), field(22, marked('sparse tensor')), field(20, 11))
const entry = message(field(1, 'key'), field(2, 'value'))
const node = (input: string, output: string): Buffer =>
  marked(
    'node',
    field(1, input),
    field(2, output),
    field(4, 'Op'),
    field(5, attribute),
    field(5, raw),
    field(9, entry),
  )
const tensor = marked('tensor', field(1, 1), field(2, FLOAT), field(8, 'w'), field(9, new Uint8Array(4)))
const graph = marked(
  'graph',
  field(1, node('x', 'm')),
  field(1, node('m', 'y')),
  field(2, 'g'),
  field(5, tensor),
  field(11, valueInfo('x')),
  field(12, valueInfo('y')),
  field(13, valueInfo('m')),
)
const fn = marked(
  'function',
  field(1, 'F'),
  field(10, 'd'),
  field(4, 'a'),
  field(5, 'b'),
  field(7, node('a', 'b')),
)
const model = marked('model', field(1, 10), field(7, graph), field(25, fn), field(8, message(field(2, 20))))

it.each<[string, number[], number]>([
  ['model', [], 1],
  ['graph', [7], 1],
  ['node', [7, 1], 2],
  ['attribute', [7, 1, 5], 4],
  ['sparse tensor', [7, 1, 5, 22], 2],
  ['tensor', [7, 5], 1],
  ['value x', [7, 11], 1],
  ['value y', [7, 12], 1],
  ['value m', [7, 13], 1],
  ['type', [7, 11, 2], 1],
  ['tensor type', [7, 11, 2, 1], 1],
  ['shape', [7, 11, 2, 1, 2], 1],
  ['dimension', [7, 11, 2, 1, 2, 1], 1],
  ['function', [25], 1],
  ['node', [25, 7], 1],
])('unknown field in %s at %j', (where, path, count) => {
  const written = encodeModel(readModel(model))
  const found = find(written, ...path, UNKNOWN).map((b) => b.toString())
  expect(found).toEqual(find(model, ...path, UNKNOWN).map((b) => b.toString()))
  expect(found).toHaveLength(count)
  if (where !== 'attribute') expect(found[0]).toBe(`unknown in ${where}`)
})
