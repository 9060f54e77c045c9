/** Reference semantics of `Loop` and `Scan`: their bodies are run once an iteration. */
import { unreachable } from './errors.js'
import type { Graph, Node, Value } from './ir.js'
import type { NdArray } from './op.js'

/** Runs a nested graph with its inputs given; its results. */
export type RunBody = (body: Graph, inputs: readonly NdArray[]) => NdArray[]

/** Results of a `Loop` (final states, then what iterations stack along a first axis). */
export function evaluateLoop(
  node: Node,
  operands: readonly (NdArray | undefined)[],
  run: RunBody,
): NdArray[] {
  const body = bodyOf(node)
  const [limit, condition, ...initial] = operands
  const trips = limit?.data[0] ?? Infinity
  const states = initial.map((x) => x!)
  const stacks = body.outputs.slice(1 + states.length).map((): NdArray[] => [])
  let goes = condition?.data[0] !== 0
  for (let i = 0; goes && i < trips; i++) {
    const [next, ...results] = run(body, [scalar('int64', i), scalar('bool', 1), ...states])
    goes = next!.data[0] !== 0
    states.splice(0, states.length, ...results.slice(0, states.length))
    stacks.forEach((stack, j) => stack.push(results[states.length + j]!))
  }
  return [...states, ...stacks.map((stack, j) => join(stack, 0, body.outputs[1 + states.length + j]!))]
}

/** Results of a `Scan`. */
export function evaluateScan(
  node: Node,
  operands: readonly (NdArray | undefined)[],
  run: RunBody,
): NdArray[] {
  const body = bodyOf(node)
  const scans = node.int('num_scan_inputs', 0)
  const states = operands.slice(0, operands.length - scans).map((x) => x!)
  const scanned = operands
    .slice(states.length)
    .map((x, j) => slices(x!, walk(node, 'input', j, x!.shape.length)))
  const stacks = body.outputs.slice(states.length).map((): NdArray[] => [])
  for (let i = 0; i < scanned[0]!.length; i++) {
    const results = run(body, [...states, ...scanned.map((s) => s[i]!)])
    states.splice(0, states.length, ...results.slice(0, states.length))
    stacks.forEach((stack, j) => stack.push(results[states.length + j]!))
  }
  const joined = stacks.map((stack, j) => {
    const result = body.outputs[states.length + j]!
    const { axis, reversed } = walk(node, 'output', j, (stack[0]?.shape.length ?? 0) + 1)
    return join(reversed ? stack.reverse() : stack, axis, result)
  })
  return [...states, ...joined]
}

function bodyOf(node: Node): Graph {
  const body = node.attributes.get('body')
  return body?.type === 'graph' ? body.value : unreachable(`${node.op} without a body`)
}

function walk(node: Node, side: 'input' | 'output', j: number, rank: number) {
  const axis = node.ints(`scan_${side}_axes`)?.[j] ?? 0
  const reversed = node.ints(`scan_${side}_directions`)?.[j] === 1
  return { axis: axis < 0 ? axis + rank : axis, reversed }
}

function scalar(dtype: NdArray['dtype'], x: number): NdArray {
  return { dtype, shape: [], data: Float64Array.of(x) }
}

/** Elements along an axis, in the order of the walk. */
function slices(x: NdArray, { axis, reversed }: { axis: number; reversed: boolean }): NdArray[] {
  const inner = x.shape.slice(axis + 1).reduce((n, d) => n * d, 1)
  const length = x.shape[axis]!
  const found = Array.from({ length }, (_, i): NdArray => {
    const data = x.data.filter((_v, at) => Math.floor(at / inner) % length === i)
    return { dtype: x.dtype, shape: x.shape.toSpliced(axis, 1), data }
  })
  return reversed ? found.reverse() : found
}

/** Arrays side by side along a new axis. */
function join(parts: readonly NdArray[], axis: number, like: Value): NdArray {
  const [first] = parts
  if (!first) {
    const dims = (like.type?.shape ?? []).map((d) => d.constant ?? 0)
    return { dtype: like.type!.dtype, shape: dims.toSpliced(axis, 0, 0), data: new Float64Array() }
  }
  const inner = first.shape.slice(axis).reduce((n, d) => n * d, 1)
  const data = new Float64Array(first.data.length * parts.length)
  parts.forEach((part, i) =>
    part.data.forEach((v, at) => {
      data[(Math.floor(at / inner) * parts.length + i) * inner + (at % inner)] = v
    }),
  )
  return { dtype: first.dtype, shape: first.shape.toSpliced(axis, 0, parts.length), data }
}
