/** Exports models and compiles them. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { openCompiled, trainableParameters, type CompiledModel } from '../../runtime/index.js'
import { vocabulary, type Mode, type ModelName } from './cells.js'
import type { Options } from './options.js'
import { runTorchSide } from './python.js'
import { readJson, writeJson, type Places } from './record.js'

const DIST = path.resolve(import.meta.dirname, '../..')

/** Seconds and bytes that the compiler took, start of Node included. */
export interface Compilation {
  name: string
  seconds: number
  peak: number
}

/** A model in a mode, exported and compiled, with kernels and without as far as variants ask for it. */
export interface Prepared {
  readonly plain: CompiledModel
  /** The directory that a variant runs. */
  directoryOf(variant: string): string
}

/** Flags of torch_side.py that say which model it is. */
export function modelFlags(model: ModelName, mode: Mode, { size }: Pick<Options, 'size'>): string[] {
  return ['--model', model, '--mode', mode, '--size', size, '--vocab', String(vocabulary(model, size))]
}

/** Exports what is missing; compiles always, as the compiler may have changed. */
export function prepare(model: ModelName, mode: Mode, options: Options, places: Places): Prepared {
  const name = `${model}-${mode}`
  const source = places.model(`${name}.onnx`)
  const names = places.model(`${name}.json`)
  mkdirSync(path.dirname(source), { recursive: true })
  // the names are written last
  if (!existsSync(names))
    runTorchSide(options.python, ['export', '--file', source, ...modelFlags(model, mode, options)])
  const train = mode === 'lora' ? ['--train', '*lora_*'] : []
  const plain = compile(source, places, name, train)
  checkNames(plain, readJson<Names>(names))
  const own = `${name}-kernels`
  const isKernels = (variant: string): boolean => variant.startsWith('kernels')
  if ([options.base, ...options.rivals].some((v) => isKernels(v.name)))
    compile(source, places, own, [...train, '--kernels'])
  return {
    plain,
    directoryOf: (variant) => compiledDirectory(places, isKernels(variant) ? own : name),
  }
}

const compiledDirectory = (places: Places, name: string): string => places.model(`${name}.dropbp`)

/** Runs the command line's compiler, and writes down what it took. */
function compile(source: string, places: Places, name: string, flags: readonly string[]): CompiledModel {
  const peakFile = places.model(`${name}.peak`)
  const directory = compiledDirectory(places, name)
  const start = performance.now()
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      path.join(DIST, 'bench/peak-at-exit.js'),
      path.join(DIST, 'src/cli/dropbp-compile.js'),
      source,
      '-o',
      directory,
      '--force',
      ...flags,
    ],
    { encoding: 'utf8', env: { ...process.env, PEAK_FILE: peakFile } },
  )
  if (status !== 0) throw new Error(`${source} cannot be compiled: ${stderr.trim()}`)
  const compilation: Compilation = {
    name,
    seconds: (performance.now() - start) / 1e3,
    peak: Number(readFileSync(peakFile, 'utf8')),
  }
  writeJson(path.join(places.compilations, `${name}.json`), compilation)
  return openCompiled(directory)
}

/** What PyTorch calls the trainable parameters, and the branches in execution order. */
interface Names {
  parameters: string[]
  branches: string[]
}

/** The compiled model has to train exactly the parameters that PyTorch trains, and to have the same branches. */
function checkNames({ directory, manifest }: CompiledModel, { parameters, branches }: Names): void {
  const found = trainableParameters(manifest).map((p) => p.name)
  const missing = parameters.filter((name) => !found.includes(name))
  const more = found.filter((name) => !parameters.includes(name))
  if (missing.length + more.length > 0)
    throw new Error(
      `${directory} does not train what PyTorch trains: it lacks ${some(missing)}, and has besides ${some(more)}`,
    )
  const sites = manifest.sites.map((site) => site.name)
  if (sites.length === branches.length && branches.every((name, i) => isWithin(sites[i]!, name))) return
  throw new Error(
    `${directory} drops other branches than PyTorch: ${some(sites)}, where the modules are ${some(branches)}`,
  )
}

/** A branch may be named after a module inside of it. */
const isWithin = (site: string, module: string): boolean => site === module || site.startsWith(`${module}.`)

function some(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(', ') || 'nothing'
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown
}
