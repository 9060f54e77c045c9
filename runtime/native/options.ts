/** Session options of the C API, from the runtime's. */
import { DropBPError } from '../../src/errors.js'
import { COMMON, configEntries } from '../session-settings.js'
import type { SessionOptions } from '../session.js'
import { OPTIMIZE_ALL, SEQUENTIAL } from './api.js'
import type { OrtLibrary } from './library.js'

/**
 * Makes session options, lends them, and frees them.
 * @throws DropBPError `kernel-library`
 */
export async function withSessionOptions<T>(
  ort: OrtLibrary,
  options: SessionOptions,
  use: (pointer: bigint) => Promise<T>,
): Promise<T> {
  const pointer = ort.take('CreateSessionOptions')
  try {
    setOptions(ort, pointer, options)
    if (options.kernels) registerKernels(ort, pointer, options.kernels)
    return await use(pointer)
  } finally {
    ort.release('ReleaseSessionOptions', pointer)
  }
}

function setOptions(ort: OrtLibrary, pointer: bigint, options: SessionOptions): void {
  if (options.threads !== undefined) ort.call('SetIntraOpNumThreads', pointer, options.threads)
  ort.call('SetInterOpNumThreads', pointer, COMMON.interOpThreads)
  ort.call('SetSessionExecutionMode', pointer, SEQUENTIAL)
  ort.call('SetSessionGraphOptimizationLevel', pointer, OPTIMIZE_ALL)
  ort.call(COMMON.memoryPattern ? 'EnableMemPattern' : 'DisableMemPattern', pointer)
  ort.call(COMMON.arena ? 'EnableCpuMemArena' : 'DisableCpuMemArena', pointer)
  ort.call('SetSessionLogSeverityLevel', pointer, COMMON.logSeverity)
  for (const [key, value] of Object.entries(configEntries(options))) {
    ort.call('AddSessionConfigEntry', pointer, key, value)
  }
}

/** The library stays loaded as long as sessions made with these options live: onnxruntime keeps it. */
function registerKernels(ort: OrtLibrary, pointer: bigint, file: string): void {
  try {
    ort.call('RegisterCustomOpsLibrary_V2', pointer, file)
  } catch (error) {
    const reason = (error as Error).message.trim()
    throw new DropBPError(
      'kernel-library',
      `${file}: cannot be registered as a library of operators: ${reason}; build it for this platform, or leave it out`,
      'io',
      { cause: error },
    )
  }
}
