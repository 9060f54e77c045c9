/** Sessions on the C API: feeds are read and results written where they are, on a thread beside the event loop's. */
import { DropBPError } from '../../src/errors.js'
import type { HostTensor } from '../../src/host-tensor.js'
import { feedOf, sessionFailure } from '../session-settings.js'
import type { Backend, Fetches, ResultTensor, Session, SessionOptions } from '../session.js'
import { loadOrt, type OrtLibrary } from './library.js'
import { Names } from './names.js'
import { withSessionOptions } from './options.js'
import { tensorOf, valueOver } from './tensors.js'

/**
 * A session of a model file, or of its bytes.
 * @throws DropBPError `session-failed`, `kernel-library`
 */
export async function openNativeSession(
  file: string,
  options: SessionOptions,
  backend: Backend,
  bytes?: Uint8Array,
): Promise<Session> {
  const { native: ort, why } = loadOrt()
  if (!ort) throw new Error(`internal error: no native session: ${why}`)
  try {
    const pointer = await withSessionOptions(ort, options, (o) => create(ort, file, o, bytes))
    return new NativeSession(ort, pointer, file, backend)
  } catch (error) {
    throw sessionFailure(file, 'cannot be loaded', error)
  }
}

async function create(
  ort: OrtLibrary,
  file: string,
  options: bigint,
  bytes: Uint8Array | undefined,
): Promise<bigint> {
  const out = new BigUint64Array(1)
  const result = ort.address(out)
  const { env } = ort
  if (bytes) {
    const model = ort.address(bytes)
    await ort.callLater({ out, bytes }, 'CreateSessionFromArray', env, model, bytes.length, options, result)
  } else {
    await ort.callLater({ out }, 'CreateSession', env, file, options, result)
  }
  return out[0]!
}

/** What a run uses, so that nothing of it is collected or moved before it is done. */
interface Call {
  readonly feeds: readonly HostTensor[]
  readonly targets: readonly (HostTensor | null)[]
  readonly inputs: BigUint64Array
  readonly outputs: BigUint64Array
  readonly outputNames: BigUint64Array
}

class NativeSession implements Session {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  private readonly inputNames: Names
  private readonly outputNames: Names
  private readonly running = new Set<Promise<void>>()
  private released: Promise<void> | undefined

  constructor(
    private readonly ort: OrtLibrary,
    private readonly pointer: bigint,
    private readonly file: string,
    readonly backend: Backend,
  ) {
    const names = (side: 'Input' | 'Output'): string[] =>
      Array.from({ length: Number(ort.take(`SessionGet${side}Count`, pointer)) }, (_, i) =>
        ort.takeText(`SessionGet${side}Name`, pointer, i),
      )
    this.inputs = names('Input')
    this.outputs = names('Output')
    this.inputNames = new Names(ort, this.inputs)
    this.outputNames = new Names(ort, this.outputs)
  }

  async run(
    feeds: Readonly<Record<string, HostTensor>>,
    fetches: Fetches,
  ): Promise<Record<string, ResultTensor>> {
    if (this.released)
      throw new DropBPError('session-released', `${this.file}: it runs no more, it was released`)
    const names = Object.keys(fetches)
    try {
      const call = this.prepare(feeds, fetches, names)
      try {
        await this.start(call)
        return this.results(call, names)
      } finally {
        this.free([...call.inputs, ...call.outputs])
      }
    } catch (error) {
      throw sessionFailure(this.file, 'failed', error)
    }
  }

  release(): Promise<void> {
    this.released ??= Promise.allSettled(this.running).then(() =>
      this.ort.release('ReleaseSession', this.pointer),
    )
    return this.released
  }

  private prepare(
    given: Readonly<Record<string, HostTensor>>,
    fetches: Fetches,
    names: readonly string[],
  ): Call {
    const feeds = this.inputs.map((name) => feedOf(name, given, this.file))
    const targets = names.map((name) => fetches[name]!)
    const call = {
      feeds,
      targets,
      inputs: new BigUint64Array(feeds.length),
      outputs: new BigUint64Array(names.length),
      outputNames: this.outputNames.pointers(names, this.file),
    }
    try {
      feeds.forEach((feed, i) => (call.inputs[i] = valueOver(this.ort, feed)))
      targets.forEach((target, i) => target && (call.outputs[i] = valueOver(this.ort, target)))
      return call
    } catch (error) {
      this.free([...call.inputs, ...call.outputs])
      throw error
    }
  }

  private async start(call: Call): Promise<void> {
    const { ort } = this
    const address = (array: BigUint64Array): bigint => ort.address(array)
    const { inputs, outputs, outputNames } = call
    const running = ort.callLater(
      call,
      'Run',
      this.pointer,
      null,
      address(this.inputNames.all),
      address(inputs),
      inputs.length,
      address(outputNames),
      outputs.length,
      address(outputs),
    )
    this.running.add(running)
    try {
      await running
    } finally {
      this.running.delete(running)
    }
  }

  /** Takes the computed values over; those that were written into given tensors are these. */
  private results({ targets, outputs }: Call, names: readonly string[]): Record<string, ResultTensor> {
    const results: Record<string, ResultTensor> = {}
    names.forEach((name, i) => {
      const target = targets[i]
      if (target) {
        results[name] = target
        return
      }
      const value = outputs[i]!
      results[name] = tensorOf(this.ort, value)
      outputs[i] = 0n
    })
    return results
  }

  private free(values: Iterable<bigint>): void {
    for (const value of values) if (value !== 0n) this.ort.release('ReleaseValue', value)
  }
}
