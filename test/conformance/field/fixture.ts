/** The fixtures of `export.py`: compiled, run and trained as PyTorch ran and trained them. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterAll, expect } from 'vitest'
import {
  openCompiled,
  readSafetensors,
  Trainer,
  type Batch,
  type HostTensor,
} from '../../../runtime/index.js'
import { compile, type LossKind, type Manifest, type Model } from '../../../src/index.js'
import { loadModel } from '../../../src/onnx/index.js'
import { Tensor } from '../../../src/tensor.js'

/** What the exported module calls the model under it. */
export const PREFIX = 'net.'
/** Relative error of float32 gradients and losses. */
const TOLERANCE = 1e-5
/** A loss after steps of AdamW, whose first steps amplify rounding where a gradient is nearly zero. */
const CURVE_TOLERANCE = 1e-4
const LEARNING_RATE = 1e-2

const trash: string[] = []
afterAll(() => trash.splice(0).forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** A folder that is removed after the test file. */
export function temporaryFolder(): string {
  trash.push(mkdtempSync(path.join(os.tmpdir(), 'field-')))
  return trash.at(-1)!
}

export const fixturePath = (name: string): string => path.join(import.meta.dirname, `${name}.onnx`)

/** PyTorch's side of a fixture. */
export class Reference {
  private constructor(private readonly tensors: ReadonlyMap<string, HostTensor>) {}

  static read(file: string): Reference {
    return new Reference(readSafetensors(file))
  }

  get(key: string): HostTensor {
    const found = this.tensors.get(key)
    if (!found) throw new Error(`the reference has no ${key}`)
    return found
  }

  get batch(): Batch {
    const inputs: Record<string, HostTensor> = {}
    for (const [key, tensor] of this.tensors) if (key.startsWith('in/')) inputs[key.slice(3)] = tensor
    return { inputs, labels: this.get('labels') }
  }

  /** Suffixes of the runs: '' keeps all, then one a mask. */
  get runs(): string[] {
    return ['', ...[...this.tensors.keys()].filter((k) => k.startsWith('keep')).map((k) => k.slice(4))]
  }

  gradients(run: string): Map<string, HostTensor> {
    const prefix = `grad${run}/`
    return new Map(
      [...this.tensors].filter(([k]) => k.startsWith(prefix)).map(([k, t]) => [k.slice(prefix.length), t]),
    )
  }
}

/** Compiles a fixture, or an edited copy of one, and returns the compiled directory. */
export function compileFixture(name: string, kind: LossKind, edit?: (model: Model) => void): string {
  return compileFile(fixturePath(name), kind, edit)
}

export function compileFile(file: string, kind: LossKind, edit?: (model: Model) => void): string {
  const directory = path.join(temporaryFolder(), 'model.dropbp')
  const model = loadModel(file)
  edit?.(model)
  compile(edit ? model : file, { loss: { kind } }).write(directory)
  return directory
}

/** Sets the rate of every Dropout to zero: what a training-mode export computes without chance. */
export function silenceDropout({ graph }: Model): void {
  const zero = graph.addInitializer('no_dropout', Tensor.scalar('float32', 0))
  for (const node of graph.nodes) if (node.op === 'Dropout') node.setInput(1, zero)
}

/** Loss and every gradient are PyTorch's, under every mask; what PyTorch leaves without gradient is empty. */
export async function expectGradients(directory: string, reference: Reference): Promise<void> {
  const { manifest } = openCompiled(directory)
  const session = await ort.InferenceSession.create(path.join(directory, manifest.models.training), {
    intraOpNumThreads: 1,
    enableMemPattern: false,
    logSeverityLevel: 3,
  })
  for (const run of reference.runs) {
    const mask =
      run === '' ? manifest.sites.map(() => true) : [...reference.get(`keep${run}`).data].map(Boolean)
    expect(manifest.sites).toHaveLength(mask.length)
    const results = await session.run(feeds(directory, reference.batch, mask))
    const loss = Number(reference.get(`loss${run}`).data[0])
    expect(Math.abs(Number(results[manifest.loss.output]!.data[0]) / loss - 1)).toBeLessThan(TOLERANCE)
    expectAll(manifest, results, reference.gradients(run))
  }
  await session.release()
}

/** Inputs of the training graph, or with an empty mask of the evaluation graph; weights as they were compiled. */
export function feeds(
  directory: string,
  { inputs, labels }: Batch,
  mask: readonly boolean[],
): Record<string, ort.Tensor> {
  const { manifest } = openCompiled(directory)
  const weights = readSafetensors(path.join(directory, manifest.checkpoint))
  const feeds: Record<string, ort.Tensor> = { [manifest.loss.labels!.name]: tensor(labels!) }
  for (const { name } of manifest.inputs) feeds[name] = tensor(inputs[name]!)
  mask.forEach((keep, i) => (feeds[manifest.sites[i]!.keep] = new ort.Tensor('bool', [keep], [])))
  for (const p of manifest.parameters) if (p.input) feeds[p.input] = tensor(weights.get(p.name)!)
  return feeds
}

function expectAll(
  manifest: Manifest,
  results: ort.InferenceSession.ReturnType,
  wanted: ReadonlyMap<string, HostTensor>,
): void {
  const scale = Math.max(...[...wanted.values()].map((g) => norm(g.data)))
  for (const [name, gradient] of wanted) {
    const spec = manifest.parameters.find((p) => p.name === PREFIX + name)
    expect(spec?.gradient, `a gradient of ${name}`).toBeTruthy()
    const got = results[spec!.gradient!]!.data as Float32Array
    const expected = spec!.source.transposed ? transposed(gradient) : gradient.data
    expect(distance(got, expected, scale), name).toBeLessThan(TOLERANCE)
  }
  for (const p of manifest.parameters) {
    if (p.gradient && !wanted.has(p.name.slice(PREFIX.length)))
      expect(results[p.gradient]!.data, p.name).toHaveLength(0)
  }
}

/** Losses of `steps` steps of AdamW on the fixture's batch with everything kept. */
export async function train(directory: string, { batch }: Reference, steps: number): Promise<number[]> {
  const trainer = await openTrainer(directory, steps)
  const mask = trainer.compiled.manifest.sites.map(() => true)
  const losses: number[] = []
  for (let i = 0; i < steps; i++) losses.push((await trainer.trainStep([batch], [mask])).loss)
  await trainer.release()
  return losses
}

export function openTrainer(directory: string, steps: number): Promise<Trainer> {
  return Trainer.open(directory, {
    steps,
    learningRate: LEARNING_RATE,
    hyperparameters: { weight_decay: 0.01 },
    decayed: 'all',
    session: { threads: 1 },
  })
}

/** A few steps of training give PyTorch's losses, and these fall. */
export async function expectCurve(directory: string, reference: Reference): Promise<void> {
  const curve = [...reference.get('curve').data].map(Number)
  const losses = await train(directory, reference, curve.length)
  losses.forEach((loss, i) =>
    expect(Math.abs(loss / curve[i]! - 1), `step ${i}`).toBeLessThan(CURVE_TOLERANCE),
  )
  expect(losses.at(-1)).toBeLessThan(losses[0]!)
}

function tensor({ dtype, data, shape }: HostTensor): ort.Tensor {
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape)
}

function transposed({ data, shape }: HostTensor): Float32Array {
  const [rows, columns] = shape as [number, number]
  return Float32Array.from({ length: data.length }, (_, i) =>
    Number(data[(i % rows) * columns + Math.floor(i / rows)]),
  )
}

/** ‖got − expected‖ / ‖expected‖; what is zero but for rounding (the gradient of a key's bias) is measured against `scale`. */
export function distance(got: Float32Array, expected: HostTensor['data'], scale = 0): number {
  if (got.length !== expected.length) return Infinity
  return norm(got.map((x, i) => x - Number(expected[i]))) / Math.max(norm(expected), 1e-3 * scale)
}

function norm(values: HostTensor['data']): number {
  return Math.sqrt([...values].reduce<number>((sum, x) => sum + Number(x) ** 2, 0))
}
