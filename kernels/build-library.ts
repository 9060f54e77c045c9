/** `npm run build:kernels`: builds the kernel library with CMake and a C++ compiler. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { LIBRARY_FILE, PACKAGE_FILE, SOURCE_DIRECTORY, WORK_DIRECTORY } from './paths.js'

const NEEDS =
  'CMake 3.16 and GCC 9 or Clang 10 are needed (Debian: apt install cmake g++). ' +
  'Everything works without the kernels; models run the functions in them instead.'

/**
 * Configures and builds.
 * @param options of CMake, for a build of another kind, and its directory
 * @returns what went wrong, or undefined
 */
export function buildLibrary(
  directory = WORK_DIRECTORY,
  options: readonly string[] = [],
): string | undefined {
  const { version } = JSON.parse(readFileSync(PACKAGE_FILE, 'utf8')) as { version: string }
  const configure = [
    '-S',
    SOURCE_DIRECTORY,
    '-B',
    directory,
    `-DDROPBP_VERSION=${version}`,
    `-DDROPBP_OUTPUT=${path.dirname(LIBRARY_FILE)}`,
    ...options,
  ]
  for (const args of [configure, ['--build', directory, '--parallel', '2']]) {
    const { status, error, signal } = spawnSync('cmake', args, { stdio: ['ignore', 'inherit', 'inherit'] })
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return `there is no cmake. ${NEEDS}`
    if (error) return `cmake cannot be started: ${error.message}. ${NEEDS}`
    if (status !== 0)
      return `cmake ${args[0] === '-S' ? 'could not configure' : 'could not build'} the kernels${signal ? ` (${signal})` : ''}; see above. ${NEEDS}`
  }
  return undefined
}

if (process.argv[1] && /build-library\.[jt]s$/.test(process.argv[1])) {
  const problem = buildLibrary()
  if (problem) console.error(`build:kernels: ${problem}`)
  else console.error(`built ${LIBRARY_FILE}`)
  process.exitCode = problem ? 1 : 0
}
