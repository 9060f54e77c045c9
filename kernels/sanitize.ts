/** `npm run test:kernels:sanitize`: the kernels under the address, undefined-behaviour and thread sanitizers. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { buildLibrary } from './build-library.js'
import { WORK_DIRECTORY } from './paths.js'

const SANITIZERS = { address: 'address;undefined', thread: 'thread' }

for (const [name, value] of Object.entries(SANITIZERS)) {
  const directory = path.join(path.dirname(WORK_DIRECTORY), `kernels-${name}`)
  const problem = buildLibrary(directory, [`-DDROPBP_SANITIZE=${value}`, `-DDROPBP_OUTPUT=${directory}`])
  if (problem) throw new Error(problem)
  const env = {
    ...process.env,
    ASAN_OPTIONS: 'detect_leaks=1',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
  }
  const { status } = spawnSync(path.join(directory, 'driver'), [], { stdio: 'inherit', env })
  if (status !== 0) throw new Error(`the kernels failed under the ${name} sanitizer`)
  console.error(`${name} sanitizer: nothing found`)
}
