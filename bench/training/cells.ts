/** What is measured: models, ways to train them, shapes of a batch, drop rates. */

export const MODELS = ['gpt2', 'llama'] as const
export const MODES = ['full', 'lora'] as const
export type ModelName = (typeof MODELS)[number]
export type Mode = (typeof MODES)[number]

/** In words, for tables. */
export const TITLES: Readonly<Record<ModelName | Mode, string>> = {
  gpt2: 'GPT-2',
  llama: 'Llama-shaped',
  full: 'full fine-tuning',
  lora: 'LoRA',
}

export const SIZES = ['full', 'tiny'] as const

/** `tiny` has two layers of hidden size 64, to try the benchmark with. */
export type Size = (typeof SIZES)[number]

const VOCABULARY: Readonly<Record<ModelName, number>> = { gpt2: 50257, llama: 32000 }
const TINY_VOCABULARY = 256

/** Tokens of a batch. */
export interface Shape {
  batch: number
  seq: number
}

/** Everything in a cell is measured in the same rounds, on the same tokens and masks. */
export interface Cell extends Shape {
  model: ModelName
  mode: Mode
  rate: number
}

export interface Matrix {
  models: readonly ModelName[]
  modes: readonly Mode[]
  shapes: readonly Shape[]
  rates: readonly number[]
}

export const WHOLE_MATRIX: Matrix = {
  models: MODELS,
  modes: MODES,
  shapes: [
    { batch: 1, seq: 512 },
    { batch: 4, seq: 128 },
  ],
  rates: [0, 0.5, 0.75, 0.9],
}

/** What is measured unless more is asked for. */
export const SHORT_MATRIX: Matrix = {
  ...WHOLE_MATRIX,
  models: ['gpt2'],
  modes: ['full'],
  shapes: [{ batch: 1, seq: 512 }],
}

export function cellsOf({ models, modes, shapes, rates }: Matrix): Cell[] {
  return models.flatMap((model) =>
    modes.flatMap((mode) =>
      shapes.flatMap((shape) => rates.map((rate): Cell => ({ model, mode, ...shape, rate }))),
    ),
  )
}

/** A name for files. */
export function cellName(cell: Cell): string {
  return `${cell.model}-${cell.mode}-${shapeName(cell)}-${cell.rate}`
}

export function shapeName({ batch, seq }: Shape): string {
  return `${batch}x${seq}`
}

export function vocabulary(model: ModelName, size: Size): number {
  return size === 'tiny' ? TINY_VOCABULARY : VOCABULARY[model]
}
