/** Compiles a model on the way to training it. */
import fs from 'node:fs'
import path from 'node:path'
import { compileModel } from '../../../passes/compile.js'
import { openCompiled } from '../../../runtime/index.js'
import { digestFile } from '../../files.js'
import { IOError } from '../../errors.js'
import { loadModel } from '../../onnx/index.js'

/**
 * Makes `directory` the compiled form of `model`, and says what was done.
 * @throws IOError `output-exists` where it holds the compiled form of another model
 */
export function compileInto(model: string, directory: string): string {
  const source = loadModel(model)
  const { sha256 } = digestFile(model)
  if (fs.existsSync(directory)) {
    if (openCompiled(directory).manifest.source.sha256 === sha256) return `${directory} is up to date`
    throw new IOError(
      'output-exists',
      `${directory} was compiled from another model; remove it, or compile ${model} with dropbp-compile --force`,
    )
  }
  compileModel(source, { source: { file: path.basename(model), sha256 } }).write(directory)
  return `compiled ${model} into ${directory}`
}
