/** Lifts operators of older opsets to the form they have in opset 20, which is the one that rules see. */
import { ELEMENT_TYPE, float, type Builder } from '../../src/builder.js'
import { CompileError } from '../../src/errors.js'
import type { Attribute, Node, Value } from '../../src/ir.js'
import type { DType } from '../../src/types.js'
import { renameNode, replaceOutput } from './replace.js'

/** The default-domain opsets that can be compiled. */
export const OLDEST_OPSET = 7
export const NEWEST_OPSET = 26

/** @throws CompileError `opset-too-old`, `opset-too-new` */
export function checkOpset(version: number): void {
  const range = `opsets ${OLDEST_OPSET} to ${NEWEST_OPSET} can be compiled`
  if (version < OLDEST_OPSET) {
    throw new CompileError(
      'opset-too-old',
      `the model is written in opset ${version}; ${range}. Export it again with a newer opset`,
    )
  }
  if (version > NEWEST_OPSET) {
    throw new CompileError(
      'opset-too-new',
      `the model is written in opset ${version}; ${range}. Export it with opset_version=${NEWEST_OPSET} or lower`,
    )
  }
}

/** Rewrites a node to its newer form; returns a node that replaced it, where one did. */
type Rewrite = (node: Node, b: Builder) => Node | void

/** An incompatible change of an operator: nodes written in an opset below `since` are rewritten. */
interface Change {
  readonly since: number
  readonly rewrite: Rewrite
}

/** Applies to a node every change of its operator since the opset it is written in; returns the node that it is now. */
export function liftNode(node: Node, version: number, b: Builder): Node {
  let lifted = node
  if (node.domain !== '') return lifted
  for (const { since, rewrite } of CHANGES[node.op] ?? []) {
    if (version < since && lifted.graph) lifted = rewrite(lifted, b) ?? lifted
  }
  return lifted
}

/** Moves an `ints` attribute to input `index`. */
const intsToInput =
  (name: string, index: number): Rewrite =>
  (node, b) => {
    const values = node.ints(name)
    if (values && !node.inputs[index]) setInput(node, index, b.ints(values))
    node.attributes.delete(name)
  }

/** Moves a float attribute to a scalar input `index` of the first input's type. */
const floatToInput =
  (name: string, index: number): Rewrite =>
  (node, b) => {
    if (node.attributes.has(name)) {
      setInput(node, index, b.scalar(node.input(0).type?.dtype ?? 'float32', node.float(name, 0)))
    }
    node.attributes.delete(name)
  }

const all =
  (...rewrites: Rewrite[]): Rewrite =>
  (node, b) => {
    for (const rewrite of rewrites) rewrite(node, b)
  }

function setInput(node: Node, index: number, value: Value): void {
  const inputs = [...node.inputs]
  while (inputs.length < index) inputs.push(null)
  inputs[index] = value
  node.setInputs(inputs)
}

function setDefault(node: Node, name: string, attribute: Attribute): void {
  if (!node.attributes.has(name)) node.attributes.set(name, attribute)
}

const text = (value: string): Attribute => ({ type: 'string', value })
const int = (value: number): Attribute => ({ type: 'int', value })

/** Opset < 13 normalises over all axes from `axis` on, taken as one; later ones over `axis` alone. */
const flattenedSoftmax: Rewrite = (node, b) => {
  const x = node.input(0)
  const axis = node.int('axis', 1)
  const rank = x.type?.shape?.length ?? 0
  node.attributes.set('axis', int(-1))
  if ((axis < 0 ? axis + rank : axis) >= rank - 1) return
  const y = b.emit(node.op, [b.emit('Flatten', [x], { axis })], { axis: -1 })
  replaceOutput(node.output(), b.emit('Reshape', [y, b.emit('Shape', [x])]))
  node.graph!.removeNode(node)
}

/** Several outputs meant training up to opset 13; now an attribute does, and there are at most three. */
const batchNormalization: Rewrite = (node) => {
  node.attributes.delete('spatial')
  if (node.outputs.length > 1) node.attributes.set('training_mode', int(1))
  while (node.outputs.length > 3 && node.outputs.at(-1)!.uses.size === 0) node.outputs.pop()
}

/** Up to opset 10 coordinates were asymmetric and rounded down, and scales came second. */
const resize: Rewrite = (node) => {
  const [x, scales] = node.inputs
  node.setInputs([x!, null, scales ?? null])
  setDefault(node, 'coordinate_transformation_mode', text('asymmetric'))
  setDefault(node, 'nearest_mode', text('floor'))
  if (node.string('mode', 'nearest') === 'bilinear') node.attributes.set('mode', text('linear'))
}

/** `Upsample(x, scales)`, scales an attribute up to opset 8, is a `Resize`. */
const upsample: Rewrite = (node, b) => {
  const scales = node.attributes.get('scales')
  if (scales?.type === 'floats') setInput(node, 1, b.constant('float32', [scales.value.length], scales.value))
  node.attributes.delete('scales')
  const renamed = renameNode(node, 'Resize')
  resize(renamed, b)
  return renamed
}

/** Opset 18 wants to be told how many parts, where no sizes are given. */
const splitEvenly: Rewrite = (node) => {
  if (!node.inputs[1]) node.attributes.set('num_outputs', int(node.outputs.length))
}

/** Before opset 12 a `Dropout` was identity, whatever its ratio. */
const inferenceDropout: Rewrite = (node) => {
  node.attributes.delete('ratio')
  node.setInputs([node.input(0)])
}

/** Before opset 6 types were named: `to="FLOAT"`. */
const castByName: Rewrite = (node) => {
  const to = node.attributes.get('to')
  if (to?.type !== 'string') return
  const name = to.value.toLowerCase()
  const dtype = ({ float: 'float32', double: 'float64' }[name] ?? name) as DType
  const code = ELEMENT_TYPE[dtype]
  if (code === undefined) {
    throw new CompileError(
      'unknown-type',
      `Cast "${node.name}" casts to "${to.value}", which is no tensor type`,
    )
  }
  node.attributes.set('to', int(code))
}

/** Whose type is asked for need not be kept alive: `Cast`. */
const castLike: Rewrite = (node) => {
  const code = ELEMENT_TYPE[node.inputs[1]?.type?.dtype ?? 'other']
  if (code === undefined) return
  node.setInputs([node.input(0)])
  node.attributes.set('to', int(code))
  return renameNode(node, 'Cast')
}

/** Before opset 20 the axis was an attribute, and the first one after the batch by default. */
const dftAxis: Rewrite = (node, b) => {
  setInput(node, 2, b.scalar('int64', node.int('axis', 1)))
  node.attributes.delete('axis')
}

/** Before opset 21 scale and bias were one a group, so that the groups are what InstanceNormalization calls channels. */
const groupNormalization: Rewrite = (node, b) => {
  const [x, scale, bias] = [node.input(0), node.input(1), node.input(2)]
  const grouped = b.emit('Reshape', [x, b.ints([0, node.int('num_groups', 1), -1])])
  const epsilon = float(node.float('epsilon', 1e-5))
  const y = b.emit('InstanceNormalization', [grouped, scale, bias], { epsilon })
  replaceOutput(node.output(), b.emit('Reshape', [y, b.emit('Shape', [x])]))
  node.graph!.removeNode(node)
}

/** The first Scan took batches and their lengths. */
const batchedScan: Rewrite = (node) => {
  throw new CompileError(
    'opset-too-old',
    `Scan (node "${node.name}") is written in opset 8, whose Scan takes batches of sequences; export the model again with ` +
      'opset 9 or newer',
  )
}

const gridSampleModes: Rewrite = (node) => {
  const mode = { bilinear: 'linear', bicubic: 'cubic' }[node.string('mode', 'bilinear')]
  if (mode) node.attributes.set('mode', text(mode))
}

const reduceAxes = (since: number): Change[] => [{ since, rewrite: intsToInput('axes', 1) }]
const softmax: Change[] = [{ since: 13, rewrite: flattenedSoftmax }]

/** Incompatible changes by operator, oldest first. */
const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  BatchNormalization: [{ since: 14, rewrite: batchNormalization }],
  // Exporters wrote names long after opset 6.
  Cast: [{ since: NEWEST_OPSET + 1, rewrite: castByName }],
  CastLike: [{ since: NEWEST_OPSET + 1, rewrite: castLike }],
  Clip: [{ since: 11, rewrite: all(floatToInput('min', 1), floatToInput('max', 2)) }],
  DFT: [{ since: 20, rewrite: dftAxis }],
  Dropout: [{ since: 12, rewrite: inferenceDropout }],
  GridSample: [{ since: 20, rewrite: gridSampleModes }],
  GroupNormalization: [{ since: 21, rewrite: groupNormalization }],
  Hardmax: softmax,
  LogSoftmax: softmax,
  Pad: [{ since: 11, rewrite: all(intsToInput('pads', 1), floatToInput('value', 2)) }],
  ReduceL1: reduceAxes(18),
  ReduceL2: reduceAxes(18),
  ReduceLogSum: reduceAxes(18),
  ReduceLogSumExp: reduceAxes(18),
  ReduceMax: reduceAxes(18),
  ReduceMean: reduceAxes(18),
  ReduceMin: reduceAxes(18),
  ReduceProd: reduceAxes(18),
  ReduceSum: reduceAxes(13),
  ReduceSumSquare: reduceAxes(18),
  Resize: [{ since: 11, rewrite: resize }],
  RoiAlign: [
    {
      since: 16,
      rewrite: (node) => setDefault(node, 'coordinate_transformation_mode', text('output_half_pixel')),
    },
  ],
  Scan: [{ since: 9, rewrite: batchedScan }],
  Scatter: [{ since: 11, rewrite: (node) => renameNode(node, 'ScatterElements') }],
  Slice: [
    { since: 10, rewrite: all(intsToInput('starts', 1), intsToInput('ends', 2), intsToInput('axes', 3)) },
  ],
  Softmax: softmax,
  Split: [
    { since: 13, rewrite: intsToInput('split', 1) },
    { since: 18, rewrite: splitEvenly },
  ],
  Squeeze: reduceAxes(13),
  TopK: [
    {
      since: 10,
      rewrite: (node, b) => {
        setInput(node, 1, b.ints([node.int('k', 1)]))
        node.attributes.delete('k')
      },
    },
  ],
  Unsqueeze: reduceAxes(13),
  Upsample: [{ since: 10, rewrite: upsample }],
}
