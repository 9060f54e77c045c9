/** Runs `dropbp-compile` in this process and captures what it writes. */
import { main } from '../../src/cli/dropbp-compile.js'

export interface Ran {
  code: number
  out: string
  err: string
}

/** @param terminal whether the streams look like a terminal */
export async function runCompile(args: readonly string[], { terminal = false } = {}): Promise<Ran> {
  const ran = { code: -1, out: '', err: '' }
  const sink = (name: 'out' | 'err') => ({
    isTTY: terminal,
    columns: 100,
    write: (text: string) => (ran[name] += text),
  })
  ran.code = await main(args, { out: sink('out'), err: sink('err') })
  return ran
}
