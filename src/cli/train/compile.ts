/** Compiles a model on the way to training it. */
import fs from 'node:fs'
import { compile } from '../../../passes/compile.js'
import { openCompiled } from '../../../runtime/index.js'
import { IOError } from '../../errors.js'
import { digestFile } from '../../files.js'

/**
 * Makes `directory` the compiled form of `model`, and says what was done.
 * @throws IOError `output-exists` where it holds the compiled form of another model
 */
export function compileInto(model: string, directory: string): string {
  if (!fs.existsSync(directory)) {
    compile(model, { seededDropout: true }).write(directory)
    return `compiled ${model} into ${directory}`
  }
  if (openCompiled(directory).manifest.source.sha256 === digestFile(model).sha256)
    return `${directory} is up to date`
  throw new IOError(
    'output-exists',
    `${directory} was compiled from another model; remove it, or compile ${model} with dropbp-compile --force`,
  )
}
