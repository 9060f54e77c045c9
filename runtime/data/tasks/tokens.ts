/** Records of token numbers, made elsewhere: `input_ids`, and what goes with them. */
import type { Example } from '../example.js'
import type { Row, Where } from '../sources/source.js'
import { labelValues } from './classification.js'
import { badRow, hasDecoder, numbersIn, truncate, type Task } from './task.js'
import { shiftRight } from './seq2seq.js'
import { inputOf } from '../roles.js'

export const tokens: Task = {
  required: ['input_ids'],
  optional: ['attention_mask', 'token_type_ids', 'labels', 'label'],
  fits: (contract) => inputOf('tokens', contract) !== undefined,
  check(row, where) {
    const { length } = numbersIn(row, 'input_ids', where)
    for (const column of ['attention_mask', 'token_type_ids'])
      if (row[column] !== undefined && numbersIn(row, column, where).length !== length)
        throw badRow(where, column, `of the length of input_ids, ${length}`, row[column])
  },
  encoder(context) {
    const { contract } = context
    const { kind } = contract.loss
    const whole = kind === 'class' || kind === 'mse' || kind === 'bce'
    return (row, where) => {
      this.check(row, where)
      const keep = kept(row, where)
      const part = (column: string): number[] => keep(numbersIn(row, column, where))
      const types = row.token_type_ids === undefined ? {} : { types: part('token_type_ids') }
      const input: Example = { tokens: part('input_ids'), ...types }
      if (whole) {
        const column = row.label === undefined ? 'labels' : 'label'
        return truncate({ ...input, values: labelValues(row, column, where, context) }, context, where)
      }
      if (hasDecoder(contract)) {
        const labels = numbersIn(row, 'labels', where)
        return truncate({ ...input, labels, decoder: shiftRight(labels, context) }, context, where)
      }
      if (row.labels === undefined) {
        if (kind === 'token') throw badRow(where, 'labels', 'an array of whole numbers', undefined)
        return truncate({ ...input, labels: input.tokens }, context, where)
      }
      const labels = part('labels')
      if (labels.length !== input.tokens.length)
        throw badRow(where, 'labels', `of the length of input_ids, ${input.tokens.length}`, row.labels)
      return truncate({ ...input, labels }, context, where)
    }
  },
}

/** Leaves padding out: positions where the record's own mask is 0. */
function kept(row: Row, where: Where): (values: ArrayLike<number>) => number[] {
  if (row.attention_mask === undefined) return (values) => Array.from(values)
  const mask = numbersIn(row, 'attention_mask', where)
  return (values) => Array.from(values).filter((_, i) => (mask[i] ?? 1) !== 0)
}
