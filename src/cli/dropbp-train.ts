#!/usr/bin/env node
/** `dropbp-train`: trains a compiled directory, or a model that it compiles first. */
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DropBPError, exitCode, IOError } from '../errors.js'
import { parseFlags } from './train/flags.js'

/** Runs the command and returns its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const command = await parseFlags(argv, version())
    if (!command) return 0
    // ONNX Runtime takes a while to load: not before the command line is understood.
    const { train } = await import('./train/run.js')
    return await train(command)
  } catch (error) {
    if (!(error instanceof DropBPError)) throw error
    process.stderr.write(`dropbp-train: ${error.describe()}\n`)
    return exitCode(error)
  }
}

/** From package.json, which lies above the sources and further above the built files. */
function version(): string {
  const places = ['../../package.json', '../../../package.json'].map(
    (place) => new URL(place, import.meta.url),
  )
  const file = places.find((place) => fs.existsSync(place))!
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { version: string }).version
}

if (process.argv[1] && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  let lost: IOError | undefined
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that goes away early (`| head`) is no error.
    if (error.code === 'EPIPE') process.exit(0)
    lost ??= new IOError('write-failed', `cannot write to standard output: ${error.message}`)
  })
  const code = await main(process.argv.slice(2))
  // What could not be written is noticed after the write.
  await new Promise(setImmediate)
  if (lost) process.stderr.write(`dropbp-train: ${lost.describe()}\n`)
  process.exitCode = lost ? exitCode(lost) : code
}
