/** Every optimizer in place, against the same with buffers of their own for what it writes: bit for bit, on both backends. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { findKernels, NoKernels } from '../../../kernels/library.js'
import { buildOptimizer, type OptimizedParameter } from '../../../passes/optimizer.js'
import { OPTIMIZER_KINDS } from '../../../passes/optimizers/index.js'
import { openCompiled, openSession, Trainer, type HostTensor, type Session } from '../../../runtime/index.js'
import { provingInPlace } from '../../../runtime/training/in-place.js'
import { bytesOf, converted, scalar, zeros } from '../../../src/host-tensor.js'
import { compile } from '../../../src/index.js'
import { changedBy, stateShape } from '../../../src/manifest.js'
import { encodeModel } from '../../../src/onnx/index.js'
import { standardOps } from '../../../src/ops/index.js'
import { parseModel } from '../../../src/text.js'
import { available } from './available.js'

const STEPS = 6
const SHAPES: Record<string, number[]> = { matrix: [37, 23], vector: [129], scalar: [], large: [150, 110] }
type Dtype = 'float32' | 'float16' | 'float64'

function parametersOf(dtype: Dtype): OptimizedParameter[] {
  return Object.entries(SHAPES).map(([name, shape]) => ({ name, gradient: `${name}_grad`, dtype, shape }))
}

function waves(dtype: Dtype, shape: readonly number[], k: number): HostTensor {
  const tensor = zeros('float64', shape)
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = Math.sin(0.7 * i + k)
  return converted(tensor, dtype)
}

/** The state after some steps, every third gradient of the first parameter absent. */
async function train(
  session: Session,
  optimizer: ReturnType<typeof buildOptimizer>,
  parameters: OptimizedParameter[],
  inPlace: boolean,
): Promise<Record<string, HostTensor>> {
  const { spec } = optimizer
  let state: Record<string, HostTensor> = {}
  for (const p of parameters) {
    state[p.name] = waves(p.dtype as Dtype, p.shape, 3)
    for (const s of spec.state) state[s.input.replace('{}', p.name)] = zeros(s.dtype, stateShape(s, p.shape))
  }
  const pairs = parameters.flatMap((p) => changedBy(spec, p.name))
  for (let step = 0; step < STEPS; step++) {
    const feeds: Record<string, HostTensor> = { ...state }
    for (const h of spec.hyperparameters) feeds[h.name] = scalar('float32', h.default)
    feeds['weight_decay'] = scalar('float32', 0.1)
    feeds['learning_rate'] = scalar('float32', 0.02)
    for (const [i, p] of parameters.entries()) {
      const absent = i === 0 && step % 3 === 1
      feeds[p.gradient] = waves(p.dtype as Dtype, absent ? [0, ...p.shape.slice(1)] : p.shape, step)
    }
    const target = (input: string): HostTensor =>
      inPlace ? state[input]! : zeros(state[input]!.dtype, state[input]!.shape)
    const results = await session.run(
      feeds,
      Object.fromEntries(pairs.map(({ input, output }) => [output, target(input)])),
    )
    state = Object.fromEntries(pairs.map(({ input, output }) => [input, results[output]!]))
  }
  return state
}

const cases = OPTIMIZER_KINDS.flatMap((kind) =>
  (['float32', 'float16', 'float64'] as const).flatMap((dtype) =>
    (available ? (['native', 'node'] as const) : (['node'] as const)).map((backend) => ({
      kind,
      dtype,
      backend,
    })),
  ),
)

/** A run in place and one without, compared; the first has to have changed something. */
async function compare(
  optimizer: ReturnType<typeof buildOptimizer>,
  parameters: OptimizedParameter[],
  options: Parameters<typeof openSession>[1],
): Promise<void> {
  const session = await openSession(
    'optimizer',
    { threads: 2, spin: false, ...options },
    encodeModel(optimizer.model),
  )
  const inPlace = await train(session, optimizer, parameters, true)
  const apart = await train(session, optimizer, parameters, false)
  await session.release()
  const alike = (a: HostTensor, b: HostTensor): boolean => Buffer.compare(bytesOf(a), bytesOf(b)) === 0
  for (const [name, tensor] of Object.entries(apart)) expect(alike(inPlace[name]!, tensor), name).toBe(true)
  for (const p of parameters)
    expect(alike(inPlace[p.name]!, waves(p.dtype as Dtype, p.shape, 3)), p.name).toBe(false)
}

describe('in place', () => {
  test.each(cases)('$kind $dtype on $backend', async ({ kind, dtype, backend }) => {
    const parameters = parametersOf(dtype)
    const optimizer = buildOptimizer(kind, parameters, standardOps)
    expect(optimizer.spec.inPlace).toBe(true)
    await compare(optimizer, parameters, { backend })
  })

  test('calls of functions that no kernel computes', async () => {
    const parameters = parametersOf('float32')
    const optimizer = buildOptimizer('adamw', parameters, standardOps, true)
    expect(optimizer.model.functions).toHaveLength(1)
    await compare(optimizer, parameters, {})
  })

  const kernels = findKernels()
  test.skipIf(!available || kernels instanceof NoKernels)('calls that a kernel computes', async () => {
    const parameters = parametersOf('float32')
    const optimizer = buildOptimizer('adamw', parameters, standardOps, true)
    await compare(optimizer, parameters, { backend: 'native', kernels: (kernels as { file: string }).file })
  })
})

describe('the claim of a compiled directory', () => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'in-place-'))
  afterAll(() => rmSync(root, { recursive: true }))
  const source = path.resolve(import.meta.dirname, '../../models/gpt2.onnx')

  test.each(['adamw', 'adafactor'] as const)('is proved again when it is opened: %s', (optimizer) => {
    const directory = path.join(root, optimizer)
    compile(source, { optimizer }).write(directory)
    const compiled = openCompiled(directory)
    expect(compiled.manifest.optimizer.inPlace).toBe(true)
    expect(provingInPlace(compiled)).toBe(compiled.manifest)
  })

  test('is not believed where the graph forbids it, and what changes is held twice', async () => {
    const directory = path.join(root, 'forbidden')
    cpSync(path.join(root, 'adamw'), directory, { recursive: true })
    const { slice, state, parameter, hyperparameters } = openCompiled(directory).manifest.optimizer
    const name = (pattern: string): string => pattern.replace('{}', slice!.parameter)
    // m is written before v's successor reads it
    const [m, v, step] = state
    const program = `<ir_version: 8, opset_import: ["" : 18]> g (
      float[n] "${slice!.gradient}", float[n] "${name(parameter.input)}", float[n] "${name(m!.input)}",
      float[n] "${name(v!.input)}", float "${name(step!.input)}", ${hyperparameters.map((h) => `float ${h.name}`).join(', ')}
    ) => (
      float[n] "${name(parameter.output)}", float[n] "${name(m!.output)}", float[n] "${name(v!.output)}", float "${name(step!.output)}"
    ) {
      "${name(m!.output)}" = Add("${name(m!.input)}", "${slice!.gradient}")
      "${name(v!.output)}" = Mul("${name(m!.output)}", "${name(m!.input)}")
      "${name(parameter.output)}" = Sub("${name(parameter.input)}", "${slice!.gradient}")
      "${name(step!.output)}" = Neg("${name(step!.input)}")
    }`
    writeFileSync(path.join(directory, slice!.model), encodeModel(parseModel(program)))
    expect(provingInPlace(openCompiled(directory)).optimizer.inPlace).toBe(false)
    const trainer = await Trainer.open(directory, { steps: 1, session: { threads: 1 } })
    const { value, moments } = trainer.state.slots(0)
    expect(value.next).not.toBe(value.value)
    expect(moments.get('m')!.next).not.toBe(moments.get('m')!.value)
    await trainer.release()
  })
})
