/** Runs a graph: a narrow interface over onnxruntime-node, so that another backend can take its place. */
import v8 from 'node:v8'
import vm from 'node:vm'
import ort from 'onnxruntime-node'
import { DropBPError } from '../src/errors.js'
import type { HostTensor, TypedArray } from '../src/host-tensor.js'

/** How sessions are made. */
export interface SessionOptions {
  /** Execution providers in order of preference. */
  providers?: readonly string[]
  /** Threads inside an operator; ONNX Runtime chooses where it is absent. */
  threads?: number
  /** Idle threads spin between operators. Off where several sessions live in one process: they would take each other's cores. */
  spin?: boolean
  /** Packs constant weights ahead; costs a copy for every `If` branch that reads them. */
  prepack?: boolean
}

/** Output tensors to write into, by name; null lets the runtime allocate. */
export type Fetches = Readonly<Record<string, HostTensor | null>>

/** A loaded graph. */
export interface Session {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Computes the fetched outputs. Feeds that the graph does not have are ignored. */
  run(feeds: Readonly<Record<string, HostTensor>>, fetches: Fetches): Promise<Record<string, HostTensor>>
  release(): Promise<void>
}

/** Makes a session of a model file, or of its bytes where what is on the disk had to be changed. */
export type SessionFactory = (file: string, options: SessionOptions, bytes?: Uint8Array) => Promise<Session>

/**
 * A session on onnxruntime-node.
 * @throws DropBPError `session-failed`
 */
export const openSession: SessionFactory = async (file, options, bytes) => {
  try {
    const made = bytes
      ? ort.InferenceSession.create(bytes, ortOptions(options))
      : ort.InferenceSession.create(file, ortOptions(options))
    return new OrtSession(await made, file)
  } catch (error) {
    throw failure(file, 'cannot be loaded', error)
  }
}

function ortOptions(options: SessionOptions): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [...(options.providers ?? ['cpu'])],
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // A memory pattern is traced on the first step and does not fit branches that change from step to step.
    enableMemPattern: false,
    enableCpuMemArena: true,
    // Failures are thrown with their message; the log would repeat them.
    logSeverityLevel: 4,
    extra: {
      session: {
        disable_prepacking: options.prepack === false ? '1' : '0',
        force_spinning_stop: '1',
        intra_op: { allow_spinning: options.spin === false ? '0' : '1' },
      },
    },
  }
}

/** Copies of fewer bytes than this are left to the collector's own pace. */
const COLLECTED_BYTES = 2 ** 25

/**
 * Frees array buffers that nothing refers to. onnxruntime-node returns a copy of every output even where it was written into
 * a given buffer; for gradients that is as much as the parameters, every step, and the collector lets several steps' pile up.
 */
const collectGarbage: () => void = exposedCollector()

function exposedCollector(): () => void {
  v8.setFlagsFromString('--expose-gc')
  return vm.runInNewContext('gc') as () => void
}

class OrtSession implements Session {
  /** Bytes of the last run's copies, which its caller has dropped by the next. */
  private garbage = 0

  constructor(
    private readonly session: ort.InferenceSession,
    private readonly file: string,
  ) {}

  get inputs(): readonly string[] {
    return this.session.inputNames
  }

  get outputs(): readonly string[] {
    return this.session.outputNames
  }

  async run(
    feeds: Readonly<Record<string, HostTensor>>,
    fetches: Fetches,
  ): Promise<Record<string, HostTensor>> {
    const inputs: Record<string, ort.Tensor> = {}
    for (const name of this.inputs) inputs[name] = toOrt(this.feed(name, feeds))
    const wanted: Record<string, ort.Tensor | null> = {}
    for (const [name, target] of Object.entries(fetches)) wanted[name] = target && toOrt(target)
    if (this.garbage > COLLECTED_BYTES) collectGarbage()
    try {
      const results = fromOrt(await this.session.run(inputs, wanted))
      this.garbage = Object.values(results).reduce((bytes, t) => bytes + t.data.byteLength, 0)
      return results
    } catch (error) {
      throw failure(this.file, 'failed', error)
    }
  }

  async release(): Promise<void> {
    await this.session.release()
  }

  private feed(name: string, feeds: Readonly<Record<string, HostTensor>>): HostTensor {
    const tensor = feeds[name]
    if (tensor) return tensor
    throw new DropBPError(
      'missing-input',
      `${this.file}: input "${name}" is not fed; given: ${Object.keys(feeds).slice(0, 8).join(', ')}`,
      'usage',
    )
  }
}

function toOrt(tensor: HostTensor): ort.Tensor {
  return new ort.Tensor(tensor.dtype as 'float32', tensor.data as Float32Array, tensor.shape)
}

function fromOrt(results: ort.InferenceSession.ReturnType): Record<string, HostTensor> {
  const tensors: Record<string, HostTensor> = {}
  for (const [name, t] of Object.entries(results)) {
    tensors[name] = { dtype: t.type, shape: t.dims, data: t.data as TypedArray }
  }
  return tensors
}

function failure(file: string, what: string, error: unknown): DropBPError {
  const reason = (error as Error).message.trim()
  const hint = /indices element out of data bounds|out of range/i.test(reason)
    ? '; a token or a position lies beyond a table of the model: is the sequence longer than its positions?'
    : ''
  return new DropBPError('session-failed', `${file} ${what}: ${reason}${hint}`, 'model', { cause: error })
}
