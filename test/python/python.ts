/** The Python of tests that need one: `$PYTHON`, else `python3`. */
import { execFileSync } from 'node:child_process'

export const PYTHON = process.env.PYTHON ?? 'python3'

/** Why there is no Python with these modules; undefined where there is one. */
export function missingPython(...modules: string[]): string | undefined {
  try {
    execFileSync(PYTHON, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' })
    return undefined
  } catch {
    return `${PYTHON} with ${modules.join(', ')} not found; set PYTHON to one to run this test`
  }
}

/** Runs Python and returns what it printed. */
export function python(...args: string[]): string {
  return execFileSync(PYTHON, args, { encoding: 'utf8', maxBuffer: 1 << 26 })
}
