#!/usr/bin/env node
/** `dropbp-compile`: compiles an ONNX transformer into a directory of training graphs. */
import { DropBPError, exitCode } from '../errors.js'
import { parseFlags } from './compile/flags.js'
import { compileCommand } from './compile/run.js'
import type { Console } from './console.js'
import { isProgram, version } from './program.js'

/**
 * Runs the command and returns its exit code: 0 done, 1 the model cannot be compiled or a check failed, 2 usage,
 * 3 input or output.
 */
export async function main(
  argv: readonly string[],
  console: Console = { out: process.stdout, err: process.stderr },
): Promise<number> {
  try {
    const command = await parseFlags(argv, version())
    if (typeof command !== 'string') return await compileCommand(command, console)
    console.out.write(`${command}\n`)
    return 0
  } catch (error) {
    report(error, argv.includes('--json'), console)
    return exitCode(error)
  }
}

function report(error: unknown, json: boolean, console: Console): void {
  const expected = error instanceof DropBPError
  const [code, message] = expected
    ? [error.code, error.message]
    : ['internal-error', String((error as Error)?.message ?? error)]
  if (json) console.out.write(`${JSON.stringify({ ok: false, error: { code, message } }, null, 2)}\n`)
  if (expected) console.err.write(`dropbp-compile: ${error.describe()}\n`)
  else
    console.err.write(
      `dropbp-compile: this is a bug of dropbp, please report it with the model's origin\n${(error as Error)?.stack ?? message}\n`,
    )
}

if (isProgram(import.meta.url)) {
  // a reader that goes away early (`| head`) is no error
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  process.exitCode = await main(process.argv.slice(2))
}
