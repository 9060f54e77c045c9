/** Trains on nothing, but opens a data file, draws batches from it and tells as JSON what that took. */
import { Buffer } from 'node:buffer'
import process from 'node:process'
import { openData } from '../../../dist/runtime/index.js'

const [file, maxLength] = process.argv.slice(2)
const ids = { name: 'input_ids', dtype: 'int64', shape: ['batch', 'seq'], limit: 256 }
const model = {
  inputs: [ids],
  loss: {
    kind: 'causal-lm',
    output: 'loss',
    classes: 256,
    labels: { ...ids, name: 'labels', ignoreIndex: -100 },
  },
}
const before = process.resourceUsage().maxRSS
const data = await openData(model, {
  data: file,
  tokenizer: 'bytes',
  batch: 8,
  validation: 100,
  maxLength: Number(maxLength),
})
const first = new Set()
for (let i = 0; i < 200; i++) {
  const { inputs } = data.train.next()
  first.add(Buffer.from(Array.from(inputs.input_ids.data.subarray(0, 40), Number)).toString())
}
const { examples } = data
const rows = data.train.rowsPerEpoch()
data.close()
const megabytes = (process.resourceUsage().maxRSS - before) / 1024
process.stdout.write(JSON.stringify({ examples, rows, distinct: first.size, megabytes }))
