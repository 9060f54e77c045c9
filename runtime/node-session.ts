/** Sessions on onnxruntime-node: wherever it runs, at the price of a copy of every output and a blocked event loop. */
import v8 from 'node:v8'
import vm from 'node:vm'
import ort from 'onnxruntime-node'
import type { HostTensor, TypedArray } from '../src/host-tensor.js'
import { COMMON, configEntries, feedOf, sessionFailure } from './session-settings.js'
import type { Backend, Fetches, Session, SessionOptions } from './session.js'

/**
 * A session of a model file, or of its bytes.
 * @throws DropBPError `session-failed`
 */
export async function openNodeSession(
  file: string,
  options: SessionOptions,
  backend: Backend,
  bytes?: Uint8Array,
): Promise<Session> {
  try {
    const made = bytes
      ? ort.InferenceSession.create(bytes, ortOptions(options))
      : ort.InferenceSession.create(file, ortOptions(options))
    return new NodeSession(await made, file, backend)
  } catch (error) {
    throw sessionFailure(file, 'cannot be loaded', error)
  }
}

function ortOptions(options: SessionOptions): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [...(options.providers ?? ['cpu'])],
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    interOpNumThreads: COMMON.interOpThreads,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    enableMemPattern: COMMON.memoryPattern,
    enableCpuMemArena: COMMON.arena,
    logSeverityLevel: COMMON.logSeverity,
    extra: configEntries(options),
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

class NodeSession implements Session {
  /** Bytes of the last run's copies, which its caller has dropped by the next. */
  private garbage = 0

  constructor(
    private readonly session: ort.InferenceSession,
    private readonly file: string,
    readonly backend: Backend,
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
    for (const name of this.inputs) inputs[name] = toOrt(feedOf(name, feeds, this.file))
    const wanted: Record<string, ort.Tensor | null> = {}
    for (const [name, target] of Object.entries(fetches)) wanted[name] = target && toOrt(target)
    if (this.garbage > COLLECTED_BYTES) collectGarbage()
    try {
      const results = fromOrt(await this.session.run(inputs, wanted))
      this.garbage = Object.values(results).reduce((bytes, t) => bytes + t.data.byteLength, 0)
      return results
    } catch (error) {
      throw sessionFailure(this.file, 'failed', error)
    }
  }

  async release(): Promise<void> {
    await this.session.release()
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
