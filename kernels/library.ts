/** The built kernel library, as far as programs look at it before ONNX Runtime does: version, instruction set, kernels. */
import { existsSync, readFileSync } from 'node:fs'
import type { LibraryHandle } from 'koffi'
import { loadKoffi } from '../src/foreign.js'
import { LIBRARY_FILE, PACKAGE_FILE } from './paths.js'

/** Meaning of the exported functions that this module calls; `DROPBP_KERNELS_ABI` of the library. */
const ABI = 1

/** A library that fits this version of the package. */
export interface KernelLibrary {
  readonly file: string
  readonly version: string
  /** avx512, avx2, neon or plain: what this processor was found to have. */
  readonly instructionSet: string
  /** Names of the functions that it has kernels for. */
  readonly functions: ReadonlySet<string>
}

/** Why there is none; models run without it. */
export class NoKernels {
  constructor(readonly reason: string) {}
}

/**
 * Looks for the library and checks that it is this version's.
 * @param file where it should lie
 */
export function findKernels(file = LIBRARY_FILE): KernelLibrary | NoKernels {
  if (!existsSync(file)) return new NoKernels(`${file} is not there; \`npm run build:kernels\` builds it`)
  const { koffi, why } = loadKoffi()
  if (!koffi) return new NoKernels(why)
  try {
    return inspect(koffi.load(file), file)
  } catch (error) {
    return new NoKernels(`${file} cannot be loaded: ${(error as Error).message}`)
  }
}

function inspect(lib: LibraryHandle, file: string): KernelLibrary | NoKernels {
  const abi = (lib.func('int dropbp_kernels_abi()') as () => number)()
  const version = (lib.func('const char *dropbp_kernels_version()') as () => string)()
  const expected = (JSON.parse(readFileSync(PACKAGE_FILE, 'utf8')) as { version: string }).version
  if (abi !== ABI || version !== expected)
    return new NoKernels(
      `${file} is of version ${version} (interface ${abi}), expected ${expected} (interface ${ABI}); build it again with \`npm run build:kernels\``,
    )
  const count = (lib.func('size_t dropbp_kernels_count()') as () => number)()
  const name = lib.func('const char *dropbp_kernels_name(size_t index)') as (index: number) => string
  return {
    file,
    version,
    instructionSet: (lib.func('const char *dropbp_kernels_isa()') as () => string)(),
    functions: new Set(Array.from({ length: Number(count) }, (_, i) => name(i))),
  }
}
