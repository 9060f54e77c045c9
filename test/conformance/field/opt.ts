/** A decoder of OPT's architecture and any size, written without Python: weights are holes in a sparse file of zeros. */
import fs from 'node:fs'
import path from 'node:path'
import { onnx } from 'onnx-proto'
import { encodeModel } from '../../../src/onnx/index.js'
import { parseModel } from '../../../src/text.js'

/** Sizes of an OPT model. */
export interface OptSizes {
  layers: number
  hidden: number
  heads: number
  inner: number
  vocabulary: number
  positions: number
}

/** facebook/opt-1.3b. */
export const OPT_1_3B: OptSizes = {
  layers: 24,
  hidden: 2048,
  heads: 32,
  inner: 8192,
  vocabulary: 50272,
  positions: 2050,
}

const EXTERNAL = 1
const DATA_FILE = 'weights.data'

/** Writes `model.onnx` and its data into `folder`; returns the model's path and the bytes of its weights. */
export function writeOpt(folder: string, sizes: OptSizes): { file: string; bytes: number } {
  const { text, weights } = program(sizes)
  const model = onnx.ModelProto.decode(encodeModel(parseModel(text)))
  const graph = model.graph!
  graph.input = graph.input!.filter((v) => !weights.has(v.name!))
  let end = 0
  const external = [...weights].map(([name, dims]) => {
    const length = 4 * dims.reduce((a, b) => a * b)
    const entry = { location: DATA_FILE, offset: String(end), length: String(length) }
    end += length
    const externalData = Object.entries(entry).map(([key, value]) => ({ key, value }))
    return { name, dims, dataType: onnx.TensorProto.DataType.FLOAT, dataLocation: EXTERNAL, externalData }
  })
  graph.initializer = [...graph.initializer!, ...external]
  const file = path.join(folder, 'model.onnx')
  fs.writeFileSync(file, onnx.ModelProto.encode(model).finish())
  fs.writeFileSync(path.join(folder, DATA_FILE), '')
  fs.truncateSync(path.join(folder, DATA_FILE), end)
  return { file, bytes: end }
}

/** The program, whose weights are inputs. */
function program({ layers, hidden, heads, inner, vocabulary, positions }: OptSizes) {
  const weights = new Map<string, number[]>()
  const weight = (name: string, ...dims: number[]): string => {
    weights.set(name, dims)
    return `"${name}"`
  }
  const linear = (module: string, from: number, to: number, x: string, y: string): string =>
    `${y}_p = MatMul(${x}, ${weight(`${module}.weight`, from, to)})  ${y} = Add(${y}_p, ${weight(`${module}.bias`, to)})`
  const norm = (module: string, x: string, y: string): string =>
    `${y} = LayerNormalization(${x}, ${weight(`${module}.weight`, hidden)}, ${weight(`${module}.bias`, hidden)})`
  const split = (x: string, y: string, perm: string): string =>
    `${y}_r = Reshape(${x}, heads)  ${y} = Transpose<perm = [${perm}]>(${y}_r)`
  const embed = weight('model.decoder.embed_tokens.weight', vocabulary, hidden)
  const lines = [
    `tokens = Gather(${embed}, input_ids)  seen = CumSum(attention_mask, one)  at = Add(seen, one)`,
    `position = Gather(${weight('model.decoder.embed_positions.weight', positions, hidden)}, at)  x0 = Add(tokens, position)`,
    'sizes = Shape(input_ids)  seq = Gather(sizes, one)  range = Range(zero, seq, one)',
    'row = Unsqueeze(range, axes1)  column = Unsqueeze(range, axes0)  causal = LessOrEqual(column, row)',
    'kept = Cast<to = 9>(attention_mask)  mask = Unsqueeze(kept, axes12)  allowed = And(causal, mask)',
    'bias = Where(allowed, nothing, never)',
  ]
  for (let i = 0; i < layers; i++) {
    const at = `model.decoder.layers.${i}`
    lines.push(
      norm(`${at}.self_attn_layer_norm`, `x${i}`, `n${i}`),
      ...['q', 'k', 'v'].map((p) => linear(`${at}.self_attn.${p}_proj`, hidden, hidden, `n${i}`, `${p}${i}`)),
      split(`q${i}`, `qh${i}`, '0, 2, 1, 3'),
      split(`k${i}`, `kh${i}`, '0, 2, 3, 1'),
      split(`v${i}`, `vh${i}`, '0, 2, 1, 3'),
      `qs${i} = Mul(qh${i}, scale)  s${i} = MatMul(qs${i}, kh${i})  m${i} = Add(s${i}, bias)  p${i} = Softmax(m${i})`,
      `o${i} = MatMul(p${i}, vh${i})  t${i} = Transpose<perm = [0, 2, 1, 3]>(o${i})  c${i} = Reshape(t${i}, joined)`,
      linear(`${at}.self_attn.out_proj`, hidden, hidden, `c${i}`, `a${i}`),
      `y${i} = Add(x${i}, a${i})`,
      norm(`${at}.final_layer_norm`, `y${i}`, `l${i}`),
      linear(`${at}.fc1`, hidden, inner, `l${i}`, `u${i}`),
      `r${i} = Relu(u${i})`,
      linear(`${at}.fc2`, inner, hidden, `r${i}`, `d${i}`),
      `x${i + 1} = Add(y${i}, d${i})`,
    )
  }
  lines.push(
    norm('model.decoder.final_layer_norm', `x${layers}`, 'h'),
    `head = Transpose<perm = [1, 0]>(${embed})  logits = MatMul(h, head)`,
  )
  const width = hidden / heads
  const constants = [
    'int64 zero = {0}, int64 one = {1}, int64[1] axes0 = {0}, int64[1] axes1 = {1}, int64[2] axes12 = {1, 2}',
    `int64[4] heads = {0, 0, ${heads}, ${width}}, int64[3] joined = {0, 0, ${hidden}}`,
    `float scale = {${width ** -0.5}}, float nothing = {0}, float never = {-3.4028235e38}`,
  ]
  const inputs = [...weights].map(([name, dims]) => `float[${dims.join(', ')}] "${name}"`)
  const text = `<ir_version: 8, opset_import: ["" : 17], producer_name: "pytorch">
    opt (int64[batch, seq] input_ids, int64[batch, seq] attention_mask, ${inputs.join(', ')})
      => (float[batch, seq, ${vocabulary}] logits) <${constants.join(', ')}> { ${lines.join('\n')} }`
  return { text, weights }
}
