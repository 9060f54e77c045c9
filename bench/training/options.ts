/** The command line. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  MODELS,
  MODES,
  SHORT_MATRIX,
  shapeName,
  WHOLE_MATRIX,
  type Matrix,
  type Shape,
  type Size,
} from './cells.js'
import { ALL_VARIANTS, FEW_VARIANTS, variantOf, type Variant } from './variants.js'

export interface Options {
  matrix: Matrix
  size: Size
  /** What the others are paired with. */
  base: Variant
  rivals: readonly Variant[]
  rounds: number
  threads: number
  python: string
  directory: string
  /** Processes that live at the same time; as many as the memory takes where it is not given. */
  processes: number | undefined
  /** Only renders what was measured before. */
  reportOnly: boolean
  /** Where the tables go. */
  output: string
}

const text = { type: 'string' } as const
const flag = { type: 'boolean', default: false } as const

/** @throws Error that says what is wrong with a flag */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      models: text,
      modes: text,
      shapes: text,
      rates: text,
      variants: text,
      rounds: { ...text, default: '8' },
      threads: { ...text, default: '2' },
      processes: text,
      python: text,
      directory: text,
      output: text,
      all: flag,
      tiny: flag,
      report: flag,
    },
  })
  const defaults = values.all ? WHOLE_MATRIX : SHORT_MATRIX
  const names = list(values.variants) ?? [...(values.all ? ALL_VARIANTS : FEW_VARIANTS)]
  const [base, ...rivals] = [...new Set(names)].map(variantOf)
  if (!base || rivals.length === 0) throw new Error('--variants needs two at least')
  const directory = values.directory ?? (values.tiny ? 'bench-output/tiny' : 'bench-output')
  return {
    matrix: {
      models: list(values.models)?.map((name) => oneOf('--models', MODELS, name)) ?? defaults.models,
      modes: list(values.modes)?.map((name) => oneOf('--modes', MODES, name)) ?? defaults.modes,
      shapes: list(values.shapes)?.map(parseShape) ?? (values.tiny ? TINY_SHAPES : defaults.shapes),
      rates: list(values.rates)?.map((rate) => within('--rates', Number(rate), 0, 0.9)) ?? defaults.rates,
    },
    size: values.tiny ? 'tiny' : 'full',
    base,
    rivals,
    rounds: whole('--rounds', values.rounds),
    threads: whole('--threads', values.threads),
    processes:
      values.processes === undefined ? undefined : Math.max(2, whole('--processes', values.processes)),
    python: values.python ?? process.env.PYTHON ?? (existsSync(LOCAL_PYTHON) ? LOCAL_PYTHON : 'python3'),
    directory,
    reportOnly: values.report,
    output: values.output ?? `${directory}/results.md`,
  }
}

const LOCAL_PYTHON = '.venv/bin/python'
const TINY_SHAPES: readonly Shape[] = [
  { batch: 1, seq: 64 },
  { batch: 2, seq: 32 },
]

function list(given: string | undefined): string[] | undefined {
  return given?.split(',').map((part) => part.trim())
}

function oneOf<T extends string>(flagName: string, known: readonly T[], given: string): T {
  const found = known.find((name) => name === given)
  if (found === undefined) throw new Error(`${flagName} ${given}: expected some of ${known.join(', ')}`)
  return found
}

function parseShape(given: string): Shape {
  const [, batch, seq] = /^([1-9]\d*)[x×]([1-9]\d*)$/.exec(given) ?? []
  if (seq === undefined)
    throw new Error(`--shapes ${given}: expected batch x tokens, such as ${shapeName(TINY_SHAPES[0]!)}`)
  return { batch: Number(batch), seq: Number(seq) }
}

function within(flagName: string, value: number, low: number, high: number): number {
  if (value >= low && value <= high) return value
  throw new Error(`${flagName} ${value}: expected a number from ${low} to ${high}`)
}

function whole(flagName: string, given: string): number {
  const value = Number(given)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`${flagName} ${given}: expected a whole number above 0`)
}
