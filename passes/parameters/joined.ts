/** Products by a table beside another weight: MobileBERT's head multiplies by `concat(table.T, dense)`, which exporters fold. */
import { prepareInitializer } from '../../src/infer.js'
import { Tensor } from '../../src/tensor.js'
import { isLookup } from './ties.js'
import type { BuilderFor, Weight } from './weight.js'

/** Parts a folded product by a transposed table and more rows: the table is tied again, the rows keep the weight's name. */
export function partJoinedTables(weights: readonly Weight[], builder: BuilderFor, notes: string[]): Weight[] {
  const tables = weights.filter(
    (w) => !w.transposed && w.value.data!.shape.length === 2 && w.readings.some(isLookup),
  )
  return weights.map((weight) => {
    const table = weight.folded && weight.transposed && tables.find((t) => startsWith(weight, t))
    return table ? part(weight, table, builder, notes) : weight
  })
}

/** Whether the first rows of a product's matrix are a table's columns. */
function startsWith({ value }: Weight, table: Weight): boolean {
  const [a, b] = [value.data!, table.value.data!]
  const [rows, columns] = a.shape as [number, number]
  const [entries, width] = b.shape as [number, number]
  if (a.dtype !== b.dtype || entries !== columns || width >= rows || width < 2) return false
  const [x, y] = [a.head(width * columns), b.numbers()]
  for (let k = 0, at = 0; k < width; k++)
    for (let i = 0; i < entries; i++, at++) if (x[at] !== y[i * width + k]) return false
  return true
}

function part(weight: Weight, table: Weight, builder: BuilderFor, notes: string[]): Weight {
  const { value, name, readings } = weight
  const { dtype, shape } = value.data!
  const [rows, columns] = shape as [number, number]
  const width = table.value.data!.shape[1]!
  const others = value.data!.numbers().slice(width * columns)
  const rest = value.owner!.addInitializer(name, Tensor.of(dtype, [rows - width, columns], others))
  prepareInitializer(rest)
  const b = builder(readings[0]!)
  value.replaceAllUsesWith(b.emit('Concat', [b.transpose(table.value, [1, 0]), rest], { axis: 0 }))
  value.owner!.removeInitializer(value)
  table.copies.push(weight.initializer)
  table.readings.push(...readings)
  notes.push(
    `initializer ${weight.initializer} was parted: its first ${width} rows are ${table.name}, transposed, the others are called ${name}`,
  )
  return { ...weight, value: rest, transposed: false }
}
