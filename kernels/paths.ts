/** Where the kernels' sources and the built library lie: in the package, above the sources and further above dist/. */
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = path.dirname(fileURLToPath(import.meta.url))
const PACKAGE = path.resolve(HERE, HERE.includes(`${path.sep}dist${path.sep}`) ? '../..' : '..')

const PREFIX = process.platform === 'win32' ? '' : 'lib'
const SUFFIX = { darwin: '.dylib', win32: '.dll' }[process.platform as string] ?? '.so'

export const PACKAGE_FILE = path.join(PACKAGE, 'package.json')
/** C++ sources, with the CMakeLists.txt. */
export const SOURCE_DIRECTORY = path.join(PACKAGE, 'kernels')
/** Where CMake works: it leaves files there that end in `.ts` and are none. */
export const WORK_DIRECTORY = path.join(PACKAGE, 'node_modules', '.cache', 'kernels')
/** The library that `npm run build:kernels` makes. */
export const LIBRARY_FILE = path.join(SOURCE_DIRECTORY, 'build', `${PREFIX}dropbp_kernels${SUFFIX}`)
