/** Which kernels a compiled directory is run with. */
import { DropBPError } from '../src/errors.js'
import type { Manifest } from '../src/manifest.js'
import { findKernels, NoKernels, type KernelLibrary } from '../kernels/library.js'
import { chooseBackend, type SessionOptions } from './session.js'

/** Session options with the library that they name, and what to tell of it. */
export interface ChosenKernels {
  readonly options: SessionOptions
  /** What runs the functions that the graphs call; undefined where they call none. */
  readonly said?: string
}

/**
 * Looks for the kernel library where graphs call its functions. Without one, ONNX Runtime runs the functions' bodies.
 * @throws DropBPError `kernel-library` where a library that was asked for cannot be used
 */
export function chooseKernels({ kernels = [] }: Manifest, options: SessionOptions): ChosenKernels {
  const { kernels: asked, ...rest } = options
  const without = (why: string): ChosenKernels => ({ options: rest, said: `without kernels: ${why}` })
  if (asked === false) return kernels.length > 0 ? without('as asked') : { options: rest }
  if (kernels.length === 0) {
    if (asked === undefined) return { options: rest }
    throw refused(
      `${asked} has nothing to do: the directory was compiled without --kernels; compile it again, or leave it out`,
    )
  }
  const backend = chooseBackend(rest)
  if (backend.name !== 'native') {
    if (asked === undefined) return without(`they need the native session (${backend.why})`)
    throw refused(`${asked} cannot be registered: kernels need the native session (${backend.why})`)
  }
  const library = findKernels(asked)
  if (!(library instanceof NoKernels))
    return { options: { ...rest, kernels: library.file }, said: describe(library, kernels) }
  if (asked === undefined) return without(library.reason)
  throw refused(library.reason)
}

function refused(reason: string): DropBPError {
  return new DropBPError('kernel-library', reason, 'io')
}

function describe({ instructionSet, functions }: KernelLibrary, called: readonly string[]): string {
  const missing = called.filter((name) => !functions.has(name))
  const rest = missing.length > 0 ? `, without ${missing.join(', ')}` : ''
  return `kernels for ${instructionSet}${rest}`
}
