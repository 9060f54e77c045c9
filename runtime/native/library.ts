/** The onnxruntime library in this process, by way of koffi: its functions, its environment, its memory. */
import { loadKoffi, type Koffi } from '../../src/foreign.js'
import { ARENA_ALLOCATOR, DEFAULT_MEMORY, FUNCTIONS, LOG_FATAL } from './api.js'
import type { FunctionName, PlainFunction } from './api.js'
import { locate, refusal } from './location.js'

/** What functions take: a pointer, a number, a text, or memory in place. */
export type Argument = bigint | number | string | ArrayBufferView | null
type Native = { (...args: Argument[]): unknown; async(...args: unknown[]): void }
type StatusFunction = Exclude<FunctionName, PlainFunction>

/** Version of the API asked for: the oldest that has every function called here. */
const API_VERSION = 21
/** On Linux and macOS. */
const RTLD_LAZY = 1

/** The library, or why it cannot be driven. */
export type Loaded = { version: string } & (
  { native: OrtLibrary; why?: undefined } | { native?: undefined; why: string }
)

let loaded: Loaded | undefined

/** Loads koffi and the library, once in a thread. */
export function loadOrt(): Loaded {
  return (loaded ??= load())
}

function load(): Loaded {
  const { version, file, why } = locate()
  if (file === undefined) return { version, why }
  const { koffi, why: missing } = loadKoffi()
  if (!koffi) return { version, why: missing }
  try {
    return open(koffi, file, version)
  } catch (error) {
    return { version, why: `${file} cannot be driven: ${(error as Error).message.trim()}` }
  }
}

function open(koffi: Koffi, file: string, packaged: string): Loaded {
  pin(koffi, file)
  const base = koffi.load(file).func('OrtGetApiBase', 'void *', [])() as bigint
  const entry = (slot: number, result: string, args: string[]): Native =>
    functionAt(koffi, base, slot, result, args)
  const version = entry(1, 'str', [])() as string
  const why = refusal(version)
  if (why !== undefined) return { version, why: `${why} in the package of ${packaged}` }
  const api = entry(0, 'void *', ['uint32_t'])(API_VERSION) as bigint | null
  if (api === null) return { version, why: `the library does not have version ${API_VERSION} of its API` }
  return { version, native: new OrtLibrary(koffi, api) }
}

/**
 * Loads the library once more than it will ever be unloaded. koffi drops it with the last of its own references, at the end of a
 * worker thread at the latest, while sessions and their threads may live on.
 */
function pin(koffi: Koffi, file: string): void {
  const windows = process.platform === 'win32'
  const handle: unknown = windows
    ? koffi.load('kernel32.dll').func('LoadLibraryW', 'void *', ['str16'])(file)
    : koffi.load(null).func('dlopen', 'void *', ['str', 'int'])(file, RTLD_LAZY)
  if (handle === null) throw new Error('it cannot be loaded')
}

function functionAt(
  koffi: Koffi,
  table: bigint,
  slot: number,
  result: string,
  args: readonly string[],
): Native {
  const pointer = koffi.decode(table, slot * koffi.sizeof('void *'), 'void *') as bigint
  const path = process.platform === 'win32' ? 'str16' : 'str'
  const types = args.map((type) => (type === 'path' ? path : type))
  return koffi.decode(pointer, koffi.proto(result, types)) as Native
}

/** The functions of the library. Failures are thrown with the library's message. */
export class OrtLibrary {
  readonly env: bigint
  /** Describes memory of the host, for tensors over it. */
  readonly hostMemory: bigint
  private readonly functions: Readonly<Record<FunctionName, Native>>
  private readonly kept = new Set<object>()

  constructor(
    private readonly koffi: Koffi,
    api: bigint,
  ) {
    const functions = Object.entries(FUNCTIONS).map(([name, [slot, result, args]]) => [
      name,
      functionAt(koffi, api, slot, result, args),
    ])
    this.functions = Object.fromEntries(functions) as Record<FunctionName, Native>
    this.env = this.take('CreateEnv', LOG_FATAL, 'dropbp')
    this.hostMemory = this.take('CreateCpuMemoryInfo', ARENA_ALLOCATOR, DEFAULT_MEMORY)
  }

  /** Calls a function that answers with a status. */
  call(name: StatusFunction, ...args: Argument[]): void {
    this.check(this.functions[name](...args))
  }

  /** The same on a thread of its own. Memory that the arguments point to is kept in `keep` until it is done. */
  callLater(keep: object, name: StatusFunction, ...args: Argument[]): Promise<void> {
    this.kept.add(keep)
    return new Promise<void>((resolve, reject) => {
      this.functions[name].async(...args, (failed: Error | null, status: unknown) => {
        try {
          if (failed) throw failed
          this.check(status)
          resolve()
        } catch (error) {
          reject(error as Error)
        }
      })
    }).finally(() => this.kept.delete(keep))
  }

  /** The number or pointer that a function hands out by its last argument. */
  take(name: StatusFunction, ...args: Argument[]): bigint {
    const out = new BigUint64Array(1)
    this.call(name, ...args, out)
    return out[0]!
  }

  /** Calls a function that cannot fail. */
  release(name: Exclude<PlainFunction, 'GetErrorMessage'>, pointer: bigint): void {
    this.functions[name](pointer)
  }

  /** A text of the library's, which is freed. */
  takeText(name: 'SessionGetInputName' | 'SessionGetOutputName', session: bigint, index: number): string {
    const allocator = this.take('GetAllocatorWithDefaultOptions')
    const pointer = this.take(name, session, index, allocator)
    const text = this.koffi.decode.string(pointer)
    this.call('AllocatorFree', allocator, pointer)
    return text
  }

  /** Where an array's memory is; it has to have a buffer of its own, which is not moved, and somebody who keeps it. */
  address(array: ArrayBufferView): bigint {
    return this.koffi.address(array)
  }

  /** Memory of the library as an array buffer, without a copy; valid as long as whoever owns it lets it be. */
  view(pointer: bigint, bytes: number): ArrayBuffer {
    return this.koffi.view(pointer, bytes)
  }

  private check(status: unknown): void {
    if (status === null) return
    const message = this.functions.GetErrorMessage(status as bigint) as string
    this.functions.ReleaseStatus(status as bigint)
    throw new Error(message)
  }
}
