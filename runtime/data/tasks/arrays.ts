/** Arrays named as the model's inputs, `pixel_values` for example: record by record they are fed as they are. */
import { zeros, type HostTensor } from '../../../src/host-tensor.js'
import type { Contract } from '../example.js'
import { roleOf } from '../roles.js'
import type { Row, Where } from '../sources/source.js'
import { badRow, type Task } from './task.js'

export const arrays: Task = {
  required: [],
  fits: (contract) => contract.inputs.some((spec) => roleOf(spec, contract) === 'array'),
  check: () => undefined,
  encoder({ contract }) {
    const columns = arrayColumns(contract)
    const types = new Map(
      [...contract.inputs, ...(contract.loss.labels ? [contract.loss.labels] : [])].map((s) => [
        s.name,
        s.dtype,
      ]),
    )
    return (row, where) => ({
      tokens: [],
      arrays: Object.fromEntries(
        columns.map((name) => [name, tensorIn(row, name, types.get(name) ?? 'float32', where)]),
      ),
    })
  },
}

/** What the data has to hold: the model's inputs, and `labels` where the loss compares with some. */
export function arrayColumns({ inputs, loss }: Contract): string[] {
  return [...new Set([...inputs.map((i) => i.name), ...(loss.labels ? ['labels'] : [])])]
}

/** A tensor, or nested lists of numbers as one. */
function tensorIn(row: Row, column: string, dtype: string, where: Where): HostTensor {
  const value = row[column]
  if (ArrayBuffer.isView((value as HostTensor | undefined)?.data)) return value as HostTensor
  const shape: number[] = []
  for (let v: unknown = value; Array.isArray(v); v = v[0]) shape.push(v.length)
  const flat = (Array.isArray(value) ? value.flat(Infinity) : [value]) as unknown[]
  if (!flat.every((x) => typeof x === 'number') || flat.length !== shape.reduce((a, b) => a * b, 1))
    throw badRow(where, column, 'numbers in lists of equal lengths', value)
  const tensor = zeros(/int/.test(dtype) ? 'float64' : 'float32', shape)
  tensor.data.set(flat as never)
  return tensor
}
