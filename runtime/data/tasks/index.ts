/** THE list of tasks. A new one is a file here and a line in the table. */
import { UsageError } from '../../../src/errors.js'
import type { Contract } from '../example.js'
import { arrayColumns, arrays } from './arrays.js'
import { chat } from './chat.js'
import { classification } from './classification.js'
import { completion } from './completion.js'
import { seq2seq } from './seq2seq.js'
import type { Task } from './task.js'
import { text } from './text.js'
import { tokens } from './tokens.js'

/** Tasks by the name that `--task` takes, in the order in which data is tried for them. */
export const TASKS = {
  arrays,
  tokens,
  seq2seq,
  classification,
  chat,
  completion,
  text,
} as const satisfies Record<string, Task>

/** Name of a task. */
export type TaskName = keyof typeof TASKS

/** Columns that a task needs of the data for a model. */
function columnsOf(name: TaskName, contract: Contract): readonly string[] {
  return name === 'arrays' ? arrayColumns(contract) : TASKS[name].required
}

/**
 * The task that the data's columns and the model's loss make possible.
 * @throws UsageError `missing-column`
 */
export function chooseTask(
  contract: Contract,
  columns: readonly string[],
  file: string,
  given?: TaskName,
): TaskName {
  const has = (name: TaskName): boolean => columnsOf(name, contract).every((c) => columns.includes(c))
  if (given !== undefined) {
    if (has(given)) return given
    throw missing(file, columns, [given], contract)
  }
  const possible = (Object.keys(TASKS) as TaskName[]).filter((name) => TASKS[name].fits(contract))
  const found = possible.find(has)
  if (found) return found
  throw missing(file, columns, possible, contract)
}

function missing(
  file: string,
  columns: readonly string[],
  tasks: readonly TaskName[],
  contract: Contract,
): UsageError {
  const wanted = tasks.map((name) => `${columnsOf(name, contract).join(' and ')} (${name})`).join(', or ')
  return new UsageError(
    'missing-column',
    `${file} has the columns ${columns.join(', ')}; a model with the loss ${contract.loss.kind} is trained on ${wanted || 'nothing that a file holds'}; ` +
      'say which column is which: text=review for example',
  )
}
