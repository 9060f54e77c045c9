/** Sessions: what runs a graph. A narrow interface, so that a backend can take another's place; and the choice of one. */
import { UsageError } from '../src/errors.js'
import type { HostTensor } from '../src/host-tensor.js'
import { BACKENDS, type BackendName } from './backends.js'
import { loadOrt } from './native/library.js'
import { locate } from './native/location.js'
import { openNativeSession } from './native/session.js'

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
  /**
   * What drives ONNX Runtime: `native` its C API, without copies and without blocking the event loop; `node` the bindings of
   * onnxruntime-node. By default the environment's `DROPBP_SESSION`, else `auto`.
   */
  backend?: BackendName
  /**
   * A library of custom operators to register. The native backend's only: onnxruntime-node cannot register any. Where graphs
   * call functions that kernels compute, a training takes the library that was built by itself, unless this is `false`.
   */
  kernels?: string | false
}

/** Which backend runs a session, and why not the native one where that could have been. */
export interface Backend {
  readonly name: 'native' | 'node'
  /** Of the onnxruntime library. */
  readonly version: string
  readonly why?: string
  /** What computes the functions that the graphs call, in words; absent where they call none. */
  readonly kernels?: string
}

/** A computed tensor. */
export interface ResultTensor extends HostTensor {
  /**
   * Gives the runtime its memory back ahead of the garbage collector; nobody may read `data` after. Absent where the memory
   * is JavaScript's own.
   */
  release?(): void
}

/** Output tensors to write into, by name; null lets the runtime allocate. */
export type Fetches = Readonly<Record<string, HostTensor | null>>

/** A loaded graph. */
export interface Session {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Absent where a program brought its own session. */
  readonly backend?: Backend
  /**
   * Computes the fetched outputs. Feeds that the graph does not have are ignored. Nobody may write to feeds, or to tensors to
   * be written into, until it is done.
   */
  run(feeds: Readonly<Record<string, HostTensor>>, fetches: Fetches): Promise<Record<string, ResultTensor>>
  /** Frees the graph, after the runs that are under way. Results stay readable. */
  release(): Promise<void>
}

/** Makes a session of a model file, or of its bytes where what is on the disk had to be changed. */
export type SessionFactory = (file: string, options: SessionOptions, bytes?: Uint8Array) => Promise<Session>

/**
 * A session on the backend that the options ask for.
 * @throws DropBPError `session-failed`, `kernel-library`; UsageError `no-native-session`
 */
export const openSession: SessionFactory = async (file, options, bytes) => {
  const backend = chooseBackend(options)
  if (backend.name === 'native') return openNativeSession(file, options, backend, bytes)
  // onnxruntime-node's binding is loaded by those who use it
  const { openNodeSession } = await import('./node-session.js')
  return openNodeSession(file, options, backend, bytes)
}

/**
 * The backend that sessions with these options get.
 * @throws UsageError `no-native-session`, `bad-value`
 */
export function chooseBackend(options: SessionOptions = {}): Backend {
  const wanted = options.backend ?? fromEnvironment()
  if (wanted === 'node') return { name: 'node', version: locate().version, why: 'as asked' }
  const { version, native, why } = loadOrt()
  const providers = options.providers ?? ['cpu']
  const other = providers.find((provider) => provider !== 'cpu')
  const reason = other === undefined ? why : `it runs on cpu only, not on ${other}`
  if (native && reason === undefined) return { name: 'native', version }
  if (wanted === 'auto') return { name: 'node', version, why: `no native session, ${reason}` }
  throw new UsageError(
    'no-native-session',
    `the native session cannot be had: ${reason}; ask for auto or node`,
  )
}

/** A backend in words. */
export function describeBackend({ name, version, why, kernels }: Backend): string {
  const own = kernels === undefined ? '' : `; ${kernels}`
  if (name === 'native') return `onnxruntime ${version}, native session${own}`
  return `onnxruntime ${version} through onnxruntime-node${why === undefined ? '' : `: ${why}`}${own}`
}

function fromEnvironment(): BackendName {
  const given = process.env.DROPBP_SESSION ?? 'auto'
  if ((BACKENDS as readonly string[]).includes(given)) return given as BackendName
  throw new UsageError(
    'bad-value',
    `DROPBP_SESSION=${given} in the environment: expected ${BACKENDS.join(', ')}`,
  )
}
