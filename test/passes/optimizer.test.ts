/** Optimizer graphs, run by stock ONNX Runtime, against torch.optim over 1000 steps and against plain float64 code. */
import { readFileSync } from 'node:fs'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { buildOptimizer, type OptimizedParameter } from '../../passes/optimizer.js'
import { OPTIMIZER_KINDS } from '../../passes/optimizers/index.js'
import { stateShape, type OptimizerKind, type OptimizerSpec } from '../../src/manifest.js'
import { encodeModel } from '../../src/onnx/index.js'
import { standardOps } from '../../src/ops/index.js'
import { Tensor } from '../../src/tensor.js'
import { tensorType, type DType } from '../../src/types.js'
import { verify } from '../../src/verify.js'

interface Run {
  name: string
  kind: OptimizerKind
  dtype: 'float32' | 'float64'
  settings: {
    lr: number
    betas?: [number, number]
    eps?: number | [number, number]
    weight_decay?: number
    momentum?: number
    beta2_decay?: number
    d?: number
  }
  after: Record<string, Record<string, number[]>>
}

const fixture = JSON.parse(readFileSync(new URL('fixtures/optimizer.json', import.meta.url), 'utf8')) as {
  shapes: Record<string, number[]>
  runs: Run[]
}

const ARRAYS = { float32: Float32Array, float64: Float64Array, float16: Uint16Array } as const
type Dtype = keyof typeof ARRAYS

const count = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1)

function tensor(dtype: Dtype, shape: readonly number[], values: ArrayLike<number>): ort.Tensor {
  const bytes = Tensor.of(dtype, shape, values).bytes().slice()
  return new ort.Tensor(dtype, new ARRAYS[dtype](bytes.buffer), [...shape])
}

function numbers(t: ort.Tensor): number[] {
  const data = t.data as Float32Array
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return [...new Tensor(t.type as DType, t.dims as number[], () => bytes).numbers()]
}

/** Drives the graph as a runtime would, from its spec alone. */
class Stepper {
  readonly feeds: Record<string, ort.Tensor> = {}

  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly spec: OptimizerSpec,
    private readonly parameters: readonly OptimizedParameter[],
    private readonly inPlace: boolean,
  ) {}

  static async open(
    kind: OptimizerKind,
    parameters: OptimizedParameter[],
    inPlace = false,
    vectors = false,
  ): Promise<Stepper> {
    const { model, spec } = buildOptimizer(kind, parameters, standardOps)
    verify(model, 'buildOptimizer')
    for (const input of model.graph.inputs)
      if (vectors && spec.perParameter!.includes(input.name))
        input.type = tensorType('float32', [parameters.length])
    const session = await ort.InferenceSession.create(encodeModel(model), {
      intraOpNumThreads: 1,
      logSeverityLevel: 3,
    })
    const stepper = new Stepper(session, spec, parameters, inPlace)
    for (const h of spec.hyperparameters) {
      const isVector = vectors && spec.perParameter!.includes(h.name)
      stepper.set(h.name, isVector ? parameters.map(() => h.default) : h.default)
    }
    for (const [p, s] of parameters.flatMap((p) => spec.state.map((s) => [p, s] as const))) {
      const shape = stateShape(s, p.shape)
      stepper.feeds[s.input.replace('{}', p.name)] = tensor(
        s.dtype as Dtype,
        shape,
        new Array(count(shape)).fill(0),
      )
    }
    return stepper
  }

  /** @param value one for all parameters, or one each */
  set(hyperparameter: string, value: number | number[]): void {
    expect(this.spec.hyperparameters.map((h) => h.name)).toContain(hyperparameter)
    this.feeds[hyperparameter] = Array.isArray(value)
      ? tensor('float32', [value.length], value)
      : tensor('float32', [], [value])
  }

  weight(name: string): number[] {
    return numbers(this.feeds[name]!)
  }

  /** One step; a null gradient is an empty tensor of the parameter's rank. */
  async step(gradients: Record<string, number[] | null>): Promise<void> {
    for (const p of this.parameters) {
      const g = gradients[p.name]
      const absent = p.shape.length === 0 ? [0] : [0, ...p.shape.slice(1)]
      this.feeds[p.gradient] = tensor(p.dtype as Dtype, g ? p.shape : absent, g ?? [])
    }
    const pairs = this.parameters.flatMap((p) =>
      [this.spec.parameter, ...this.spec.state].map(
        (s) => [s.input, s.output].map((n) => n.replace('{}', p.name)) as [string, string],
      ),
    )
    if (this.inPlace) {
      await this.session.run(
        this.feeds,
        Object.fromEntries(pairs.map(([input, output]) => [output, this.feeds[input]!])),
      )
      return
    }
    const results = await this.session.run(this.feeds)
    for (const [input, output] of pairs) this.feeds[input] = results[output]!
  }
}

/** The formulas of test/passes/fixtures/optimizer.py. */
function start(k: number, n: number): number[] {
  return Array.from({ length: n }, (_, i) => Math.cos(1.7 * i + k))
}

function gradient(k: number, n: number, t: number): number[] | null {
  if (k === 0 && t % 3 === 0) return null
  return Array.from({ length: n }, (_, i) => Math.sin(0.37 * t + 1.3 * i + k) * 10 ** -(i % 7))
}

const HYPERPARAMETERS = {
  lr: 'learning_rate',
  eps: 'epsilon',
  weight_decay: 'weight_decay',
  momentum: 'momentum',
  beta2_decay: 'beta2_decay',
  d: 'threshold',
} as const
const TORCH_DEFAULTS = {
  adamw: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 },
  sgd: { lr: 1e-3, momentum: 0, weight_decay: 0 },
  lion: {},
  adafactor: { lr: 1e-2 },
} as const

function configure(stepper: Stepper, { kind, settings }: Pick<Run, 'kind' | 'settings'>): void {
  const all: Run['settings'] = { ...(TORCH_DEFAULTS[kind] as unknown as Run['settings']), ...settings }
  for (const [ours, name] of Object.entries(HYPERPARAMETERS)) {
    const value = all[ours as keyof typeof HYPERPARAMETERS]
    if (typeof value === 'number') stepper.set(name, value)
  }
  if (Array.isArray(all.eps)) {
    stepper.set('epsilon', all.eps[0])
    stepper.set('minimum_scale', all.eps[1])
  }
  all.betas?.forEach((beta, i) => stepper.set(`beta${i + 1}`, beta))
}

/** ‖a−b‖ / ‖b − start‖: the error relative to how far training went. */
function errorOfTravel(a: number[], b: number[], from: number[]): number {
  return Math.hypot(...a.map((x, i) => x - b[i]!)) / Math.hypot(...b.map((x, i) => x - from[i]!))
}

const parametersOf = (dtype: DType, shapes: Record<string, number[]>): OptimizedParameter[] =>
  Object.entries(shapes).map(([name, shape]) => ({ name, gradient: `${name}_grad`, dtype, shape }))

describe('against torch.optim over 1000 steps, with absent gradients', () => {
  const entries = Object.entries(fixture.shapes)
  test.each(fixture.runs)('$name', async (run) => {
    const stepper = await Stepper.open(run.kind, parametersOf(run.dtype, fixture.shapes))
    configure(stepper, run)
    for (const [k, [name, shape]] of entries.entries()) {
      stepper.feeds[name] = tensor(run.dtype, shape, start(k, count(shape)))
    }
    for (let t = 1; t <= 1000; t++) {
      await stepper.step(Object.fromEntries(entries.map(([n, s], k) => [n, gradient(k, count(s), t)])))
      const expected = run.after[t]
      if (!expected) continue
      for (const [k, [name, shape]] of entries.entries()) {
        // float64 is limited by the hyperparameters, which are float32
        const error = errorOfTravel(stepper.weight(name), expected[name]!, start(k, count(shape)))
        expect(error, `${name} after ${t} steps`).toBeLessThan(run.dtype === 'float64' ? 2e-7 : 1e-4)
      }
    }
  })
})

/** The textbook, in float64. */
function reference(
  kind: OptimizerKind,
  from: number[],
  gradients: (number[] | null)[],
  s: Record<string, number>,
): number[] {
  const [p, m, v] = [[...from], from.map(() => 0), from.map(() => 0)]
  let t = 0
  for (const g of gradients) {
    if (!g) continue
    t++
    g.forEach((raw, i) => {
      const x = raw * s['gradient_scale']!
      if (kind === 'lion') {
        const c = s['beta1']! * m[i]! + (1 - s['beta1']!) * x
        p[i]! *= 1 - s['learning_rate']! * s['weight_decay']!
        p[i]! -= s['learning_rate']! * Math.sign(c)
        m[i] = s['beta2']! * m[i]! + (1 - s['beta2']!) * x
        return
      }
      if (kind === 'sgd') {
        m[i] = s['momentum']! * m[i]! + x + s['weight_decay']! * p[i]!
        p[i]! -= s['learning_rate']! * m[i]!
        return
      }
      m[i] = s['beta1']! * m[i]! + (1 - s['beta1']!) * x
      v[i] = s['beta2']! * v[i]! + (1 - s['beta2']!) * x * x
      const unbiased = Math.sqrt(v[i]! / (1 - s['beta2']! ** t))
      p[i]! *= 1 - s['learning_rate']! * s['weight_decay']!
      p[i]! -= (s['learning_rate']! * m[i]!) / (1 - s['beta1']! ** t) / (unbiased + s['epsilon']!)
    })
  }
  return p
}

describe('against plain float64 code', () => {
  const settings = {
    adamw: {
      learning_rate: 0.02,
      beta1: 0.7,
      beta2: 0.96,
      epsilon: 1e-3,
      weight_decay: 0.3,
      gradient_scale: 0.125,
    },
    sgd: { learning_rate: 0.02, momentum: 0.8, weight_decay: 0.3, gradient_scale: 0.125 },
    lion: { learning_rate: 0.02, beta1: 0.8, beta2: 0.95, weight_decay: 0.3, gradient_scale: 0.125 },
  } as const
  const cases = (['adamw', 'sgd', 'lion'] as const).flatMap((kind) =>
    (['float32', 'float64', 'float16'] as const).flatMap((dtype) =>
      [true, false].map((inPlace) => ({ kind, dtype, inPlace })),
    ),
  )
  test.each(cases)('$kind $dtype, in place: $inPlace', async ({ kind, dtype, inPlace }) => {
    const shape = [2, 9]
    const stepper = await Stepper.open(kind, parametersOf(dtype, { w: shape }), inPlace)
    for (const [name, value] of Object.entries(settings[kind])) stepper.set(name, value)
    stepper.feeds['w'] = tensor(dtype, shape, start(0, 18))
    const gradients = Array.from({ length: 20 }, (_, t) => gradient(0, 18, t + 1))
    for (const g of gradients) await stepper.step({ w: g })
    const expected = reference(kind, start(0, 18), gradients, settings[kind])
    const tolerance = { float32: 1e-5, float64: 1e-7, float16: 2e-2 }[dtype]
    expect(errorOfTravel(stepper.weight('w'), expected, start(0, 18))).toBeLessThan(tolerance)
  })
})

describe('hyperparameters of their own', () => {
  test.each(OPTIMIZER_KINDS)(
    '%s: each parameter is trained as if it were alone with its own',
    async (kind) => {
      const shapes = { w: [3, 5], b: [7], s: [] }
      const [rates, decays] = [
        [0.02, 0.005, 0.01],
        [0.3, 0, 0.1],
      ]
      const together = await Stepper.open(kind, parametersOf('float32', shapes), false, true)
      together.set('learning_rate', rates!)
      together.set('weight_decay', decays!)
      const names = Object.keys(shapes) as (keyof typeof shapes)[]
      const alone = await Promise.all(
        names.map(async (name, k) => {
          const stepper = await Stepper.open(kind, parametersOf('float32', { [name]: shapes[name] }))
          stepper.set('learning_rate', rates![k]!)
          stepper.set('weight_decay', decays![k]!)
          return stepper
        }),
      )
      names.forEach((name, k) => {
        const value = (): ort.Tensor => tensor('float32', shapes[name], start(k, count(shapes[name])))
        together.feeds[name] = value()
        alone[k]!.feeds[name] = value()
      })
      for (let t = 1; t <= 10; t++) {
        const gradients = names.map((name, k) => [name, gradient(k, count(shapes[name]), t)] as const)
        await together.step(Object.fromEntries(gradients))
        for (const [k, [name, g]] of gradients.entries()) await alone[k]!.step({ [name]: g })
      }
      names.forEach((name, k) => expect(together.weight(name)).toEqual(alone[k]!.weight(name)))
      expect(together.weight('b')).not.toEqual(start(1, 7).map(Math.fround))
    },
  )
})

describe('the graph', () => {
  test('adafactor keeps a row and a column of a matrix', () => {
    const { model, spec } = buildOptimizer(
      'adafactor',
      parametersOf('float32', { w: [4, 6], b: [5] }),
      standardOps,
    )
    const shapes = Object.fromEntries(model.graph.inputs.map((v) => [v.name, String(v.type!.shape)]))
    expect(shapes).toMatchObject({ w_row: '4,1', w_column: '1,6', b_row: '1', b_column: '5', w_step: '' })
    expect(spec.state.map((s) => stateShape(s, [4, 6]))).toEqual([[4, 1], [1, 6], []])
  })

  test('leaves a parameter without gradient alone, to the bit', async () => {
    const stepper = await Stepper.open('adamw', parametersOf('float32', { a: [2, 3], b: [4] }))
    stepper.feeds['a'] = tensor('float32', [2, 3], start(0, 6))
    stepper.feeds['b'] = tensor('float32', [4], start(1, 4))
    await stepper.step({ a: start(2, 6), b: start(3, 4) })
    const before = ['a', 'a_m', 'a_v', 'a_step'].map((n) => stepper.weight(n))
    await stepper.step({ a: null, b: start(4, 4) })
    expect(['a', 'a_m', 'a_v', 'a_step'].map((n) => stepper.weight(n))).toEqual(before)
    expect([stepper.weight('a_step'), stepper.weight('b_step')]).toEqual([[1], [2]])
  })

  test('half parameters keep float32 state', () => {
    const { model, spec } = buildOptimizer('adamw', parametersOf('bfloat16', { w: [4] }), standardOps)
    expect(spec.state.map((s) => s.dtype)).toEqual(['float32', 'float32', 'float32'])
    const types = Object.fromEntries(
      [...model.graph.inputs, ...model.graph.outputs].map((v) => [v.name, v.type!.dtype]),
    )
    expect(types).toMatchObject({
      w: 'bfloat16',
      w_grad: 'bfloat16',
      w_m: 'float32',
      w_next: 'bfloat16',
      w_v_next: 'float32',
    })
  })

  test('names stay apart where one parameter looks like the state of another', async () => {
    const parameters = parametersOf('float32', { w: [2], w_v: [2], w_m_next: [2] })
    const { spec } = buildOptimizer('adamw', parameters, standardOps)
    expect(spec.state[1]).toMatchObject({ input: '{}/v', output: '{}/v/next' })
    await Stepper.open('adamw', parameters)
    const clash = [{ name: 'beta1', gradient: 'g', dtype: 'float32', shape: [2] }] as const
    expect(() => buildOptimizer('adamw', clash, standardOps)).toThrow(
      expect.objectContaining({ code: 'name-clash' }),
    )
  })
})
