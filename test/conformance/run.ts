/**
 * The conformance tier: the standard's operator cases, and the matrix of architectures and exporters.
 *
 *     PYTHON=.venv/bin/python npm run test:conformance
 *
 * Each part says why it is skipped where Python or one of its packages is missing.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const PARTS = ['standard/run.ts', 'matrix/run.ts']

for (const part of PARTS) {
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', path.join(import.meta.dirname, part)], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = 1
}
