/** AdamW's function: the reference in float64, the body in ONNX Runtime, and the kernel. */
import { describe, expect, test } from 'vitest'
import { ADAMW } from '../../kernels/adamw/function.js'
import { adamwStep, type AdamWSettings } from '../../kernels/adamw/reference.js'
import { adamwFunction } from '../../passes/optimizers/kernel.js'
import { Expr } from '../../src/expr.js'
import { Graph, Model, Node, Value } from '../../src/ir.js'
import { DOMAIN } from '../../src/ops/dropbp.js'
import { standardOps } from '../../src/ops/index.js'
import type { NdArray } from '../../src/op.js'
import { tensorType } from '../../src/types.js'
import { feed, runModel } from '../helpers/expect-pass.js'
import { expectClose, floats, ODD, random } from './harness.js'
import { instructionSets, runKernel } from './native.js'

const SETTINGS: AdamWSettings = {
  learning_rate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weight_decay: 0.05,
  gradient_scale: 0.5,
}
/** The parameter's element of the vectors; the others are to be left alone. */
const INDEX = 1

interface Sample {
  readonly about: string
  readonly p: NdArray
  readonly g: NdArray
  readonly m: NdArray
  readonly v: NdArray
  readonly step: number
}

function sample(about: string, size: number, scale = 1, step = 4): Sample {
  const v = random([size], scale)
  return {
    about,
    p: random([size]),
    g: random([size], scale),
    m: random([size], scale),
    v: { ...v, data: v.data.map((x) => Math.fround(x * x)) },
    step,
  }
}

const SAMPLES: readonly Sample[] = [
  ...ODD.map((n) => sample(`${n} elements`, n)),
  sample('the first step', 17, 1, 0),
  sample('small gradients', 17, 1e-12),
  sample('large gradients', 17, 1e15),
  {
    ...sample('all zeros', 3),
    g: floats([3], [0, 0, 0]),
    m: floats([3], [0, 0, 0]),
    v: floats([3], [0, 0, 0]),
  },
  { ...sample('no gradient', 123), g: floats([0], []) },
  {
    ...sample('denormals and an infinity', 3),
    g: floats([3], [1e-41, Infinity, 0]),
    m: floats([3], [1e-41, 1, 0]),
    v: floats([3], [1e-41, 1, 1e-41]),
  },
]

/** The function's operands in its order. */
function operands({ p, g, m, v, step }: Sample): NdArray[] {
  const hyper = ADAMW.hyperparameters.map((name) =>
    /learning_rate|weight_decay/.test(name)
      ? floats([3], [NaN, SETTINGS[name], NaN])
      : floats([], [SETTINGS[name]]),
  )
  return [p, g, m, v, floats([], [step]), ...hyper]
}

function reference(s: Sample): NdArray[] {
  const list = (x: NdArray): number[] => [...x.data]
  const results = adamwStep(list(s.p), list(s.g), list(s.m), list(s.v), s.step, SETTINGS)
  const next = s.g.data.length === 0 ? s.step : s.step + 1
  return [...results.map((x) => floats(s.p.shape, x)), floats([], [next])]
}

/** As optimizer graphs declare them: a gradient may be empty. */
function open(x: NdArray, i: number) {
  return tensorType(
    'float32',
    x.shape.map((_, axis) => Expr.symbol(`d${i}_${axis}`)),
  )
}

async function runBody(s: Sample): Promise<NdArray[]> {
  const model = new Model(new Graph('step'))
  model.opsets.set('', 20)
  const given = operands(s)
  const inputs = given.map((x, i) => model.graph.addInput(new Value(`x${i}`, open(x, i))))
  const outputs = Array.from({ length: ADAMW.outputs }, (_, i) => new Value(`y${i}`, { dtype: 'float32' }))
  model.graph.addNode(
    new Node(ADAMW.name, inputs, outputs, [['index', { type: 'int', value: INDEX }]], DOMAIN),
  )
  model.graph.setOutputs(outputs)
  model.functions.push(adamwFunction(standardOps))
  const feeds = given.map((x, i) => [`x${i}`, feed('float32', x.shape, x.data)] as const)
  const got = await runModel(model, Object.fromEntries(feeds))
  return Object.values(got).map(({ dims, data }) => ({
    dtype: 'float32',
    shape: dims,
    data: Float64Array.from(data),
  }))
}

describe.each(SAMPLES.map((s) => [s.about, s] as const))('%s', (_about, s) => {
  test('body', async () => expectClose(await runBody(s), reference(s)))

  test.each(instructionSets)('kernel, %s', (isa) => {
    const outputs = [s.p.shape, s.p.shape, s.p.shape, []]
    for (const threads of [1, 3]) {
      const options = { inputs: operands(s), outputs, attributes: [INDEX], threads }
      expectClose(runKernel(isa, ADAMW.name, options), reference(s))
      const inPlace = { 0: 0, 1: 2, 2: 3, 3: 4 }
      expectClose(runKernel(isa, ADAMW.name, { ...options, inPlace }), reference(s))
    }
  })
})

test.each(instructionSets)('operands that do not fit are refused, %s', (isa) => {
  const s = sample('', 5)
  const call = (changed: Partial<Sample>) => () =>
    runKernel(isa, ADAMW.name, {
      inputs: operands({ ...s, ...changed }),
      outputs: [[5], [5], [5], []],
      attributes: [INDEX],
    })
  expect(call({ g: random([4]) })).toThrow(/gradient is neither empty nor as large/)
  expect(call({ m: random([4]) })).toThrow(/moment differs/)
})
