/** Training and validation parts of one data set. */
import { UsageError } from '../../src/errors.js'
import { Random } from '../random.js'
import { Subset, type Dataset } from './example.js'

export interface SplitOptions {
  /** How much is for validation: a share below 1 (at least one example, unless it is 0), or a number of examples. */
  validation: number
  /** Which examples are drawn by; undefined takes the last ones, as for windows of one text. */
  seed?: number
}

/** Streams of random numbers of one seed: epochs take those from 1000 on. */
const SPLIT_STREAM = 999

/**
 * Takes examples out for validation; the others keep their order. The same seed and number of examples give the same split.
 * @throws UsageError `too-little-data` where none would be left to train on; `bad-value`
 */
export function split<D extends Dataset>(
  dataset: D,
  { validation, seed }: SplitOptions,
): { train: Dataset; validation: Dataset } {
  const { length } = dataset
  if (!(validation >= 0) || (validation >= 1 && !Number.isInteger(validation))) {
    const message = `validation is ${validation}: give a share below 1, such as 0.1, or a whole number of examples`
    throw new UsageError('bad-value', message)
  }
  const held =
    validation >= 1 ? validation : validation > 0 ? Math.max(1, Math.round(length * validation)) : 0
  if (length - held < 1) {
    throw new UsageError(
      'too-little-data',
      `the data holds ${length} examples: ${held} of them for validation leave none to train on`,
    )
  }
  const count = length - held
  if (seed === undefined || held === 0)
    return { train: new Subset(dataset, [0, count]), validation: new Subset(dataset, [count, length]) }
  const order = Random.seeded(seed, SPLIT_STREAM).permutation(length)
  return {
    train: new Subset(dataset, order.slice(0, count).sort()),
    validation: new Subset(dataset, order.slice(count).sort()),
  }
}
