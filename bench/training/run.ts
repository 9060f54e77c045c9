/**
 * Steps of training, compared with PyTorch: models, ways to train them, shapes, drop rates. What is measured already is not
 * measured again.
 *
 *   npm run bench -- [--all] [--models gpt2,llama] [--modes full,lora] [--shapes 1x512,4x128] [--rates 0,0.5,0.75,0.9]
 *                    [--variants dropbp,kernels,sdpa,sdpa+malloc,eager,no-grad,compile,bf16] [--rounds 8] [--threads 2]
 *                    [--python python3] [--directory bench-output] [--processes 4] [--tiny] [--report] [--output results.md]
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { machine } from '../machine.js'
import { cellName, cellsOf, type Cell } from './cells.js'
import { draw, groupsOf, measureGroup, processesThatFit } from './measure.js'
import { readOptions, type Options } from './options.js'
import { prepare, type Prepared } from './prepare.js'
import { pythonVersions } from './python.js'
import { isDone, isMeasured, Places, writeJson, type Pairing, type Setting } from './record.js'
import { renderReport } from './report.js'
import { measureRoofline, productsOf } from './roofline.js'
import type { Variant } from './variants.js'

/** What the measuring of all cells needs. */
interface Context {
  options: Options
  places: Places
  setting: Setting
  machine: string
}

/** Rivals that are not measured in a cell yet. */
function rivalsLeft(cell: Cell, { options, places, setting }: Context): Variant[] {
  const { base, rivals, rounds } = options
  return rivals.filter((rival) => !isDone(places.pairing(cell, base.name, rival.name), setting, rounds))
}

async function measureCell(cell: Cell, prepared: Prepared, context: Context): Promise<void> {
  const { options, places, setting } = context
  const drawn = draw(prepared.plain, cell, options)
  const processes = options.processes ?? processesThatFit(prepared.plain, cell.batch * cell.seq)
  for (const rivals of groupsOf(rivalsLeft(cell, context), processes)) {
    const load = os.loadavg()[0]!
    const start = performance.now()
    const variants = [options.base, ...rivals]
    const group = { cell, prepared, variants, draw: drawn, options }
    const { backend, results } = await measureGroup(group)
    for (const [rival, result] of results) {
      const base = options.base.name
      const pairing: Pairing = { cell, setting, base, rival, machine: context.machine, backend, load, result }
      writeJson(places.pairing(cell, base, rival), pairing)
      if (!isMeasured(result)) console.error(`${cellName(cell)}: ${rival} is absent: ${result.absent}`)
    }
    const seconds = ((performance.now() - start) / 1e3).toFixed(0)
    console.error(`${cellName(cell)}: ${variants.map((v) => v.name).join(', ')}: ${seconds} s`)
  }
}

/** Measures the roofline once for a model and number of tokens. */
async function measureRooflineOf(
  cell: Cell,
  prepared: Prepared,
  { places, options }: Context,
): Promise<void> {
  const file = places.roofline(cell)
  if (existsSync(file)) return
  const products = productsOf(prepared.plain, cell.batch * cell.seq)
  writeJson(file, await measureRoofline(products, options.threads))
}

async function measureAll(context: Context): Promise<void> {
  const left = cellsOf(context.options.matrix).filter((cell) => rivalsLeft(cell, context).length > 0)
  const models = prepareAll(left, context)
  const ready = left.flatMap((cell) => {
    const prepared = models.get(modelName(cell))
    return prepared ? [{ cell, prepared }] : []
  })
  for (const { cell, prepared } of ready) await measureRooflineOf(cell, prepared, context)
  for (const { cell, prepared } of ready) await measureCell(cell, prepared, context)
}

const modelName = ({ model, mode }: Cell): string => `${model}-${mode}`

/** Exports and compiles what the cells need; what cannot be had is said, and its cells are left out. */
function prepareAll(cells: readonly Cell[], { options, places }: Context): Map<string, Prepared> {
  const models = new Map<string, Prepared>()
  const wanted = new Map(cells.map((cell) => [modelName(cell), cell]))
  for (const [name, { model, mode }] of wanted) {
    console.error(`${name}: exporting and compiling`)
    try {
      models.set(name, prepare(model, mode, options, places))
    } catch (error) {
      console.error(`${name} is left out: ${(error as Error).message}`)
      process.exitCode = 1
    }
  }
  return models
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  const places = new Places(options.directory)
  const setting = { size: options.size, threads: options.threads }
  if (!options.reportOnly)
    await measureAll({ options, places, setting, machine: `${machine()}; ${pythonVersions(options.python)}` })
  const report = renderReport(places)
  mkdirSync(path.dirname(options.output), { recursive: true })
  writeFileSync(options.output, report)
  console.log(report)
}

try {
  await main()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  process.exitCode = 1
}
