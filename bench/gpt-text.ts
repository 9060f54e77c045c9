/** A GPT-2 of any shape in ONNX's textual syntax, decomposed as exporters do. */
import type { Model } from '../src/ir.js'
import { Tensor } from '../src/tensor.js'
import { parseModel } from '../src/text.js'

/** What a GPT-2 is made of. */
export interface GptShape {
  layers: number
  hidden: number
  heads: number
  vocabulary: number
  positions: number
}

/** The elements of a weight, by its name and shape in the model. */
export type Initialise = (name: string, shape: readonly number[]) => ArrayLike<number>

/** A shape whose weights do not matter. */
const SMALL = { hidden: 8, heads: 2, vocabulary: 16, positions: 32 }

/** Small waves. */
const waves: Initialise = (name, shape) =>
  Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i + name.length) / 4)

/** A model with `input_ids` and `logits`. */
export function gpt(shape: Partial<GptShape> & { layers: number }, initialise = waves): Model {
  const full = { ...SMALL, ...shape }
  const { layers, hidden, vocabulary, positions } = full
  const weights: Weight[] = [
    ['transformer.wte.weight', vocabulary, hidden],
    ['transformer.wpe.weight', positions, hidden],
    ...Array.from({ length: layers }, (_, i) => blockWeights(i, hidden)).flat(),
    ['transformer.ln_f.weight', hidden],
    ['transformer.ln_f.bias', hidden],
    ['lm_head.weight', hidden, vocabulary],
  ]
  const declared = weights.map(([name, ...dims]) => `float[${dims}] ${JSON.stringify(name)}`)
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17], producer_name: "pytorch">
gpt (int64[batch, seq] input_ids, ${declared.join(', ')}) => (float[batch, seq, ${vocabulary}] logits) <${constants(full).join(', ')}> {
  size = Shape (input_ids)
  length = Gather <axis = 0> (size, one)
  places = Range (zero, length, one)
  x_token = Gather ("transformer.wte.weight", input_ids)
  x_place = Gather ("transformer.wpe.weight", places)
  x_0 = Add (x_token, x_place)
${Array.from({ length: layers }, (_, i) => blockNodes(i)).join('\n')}
  x_f = LayerNormalization <axis = -1, epsilon = 0.00001> (x_${layers}, "transformer.ln_f.weight", "transformer.ln_f.bias")
  logits = MatMul (x_f, "lm_head.weight")
}`)
  giveWeights(model, weights, initialise)
  return model
}

type Weight = readonly [name: string, ...shape: number[]]

/** The text declares weights as inputs: printed and parsed again, large ones would take longer than all else. */
function giveWeights({ graph }: Model, weights: readonly Weight[], initialise: Initialise): void {
  for (const value of graph.inputs.splice(1)) {
    const [name, ...shape] = weights.find(([weight]) => weight === value.name)!
    value.data = Tensor.of('float32', shape, initialise(name, shape))
    graph.addInitializer(value)
  }
}

function constants({ hidden, heads }: GptShape): string[] {
  return [
    'int64 zero = {0}',
    'int64 one = {1}',
    `int64[4] heads = {0, 0, ${heads}, ${hidden / heads}}`,
    `int64[3] joined = {0, 0, ${hidden}}`,
    `float scale = {${Math.sqrt(hidden / heads)}}`,
    'float least = {-10000}',
    'float half = {0.5}',
    'float unit = {1}',
    'float three = {3}',
    'float cubic = {0.044715}',
    `float root = {${Math.sqrt(2 / Math.PI)}}`,
    'int64[1] axes_0 = {0}',
    'int64[1] axes_1 = {1}',
  ]
}

const at = (i: number, name: string): string => `transformer.h.${i}.${name}`

function blockWeights(i: number, hidden: number): Weight[] {
  return [
    [at(i, 'ln_1.weight'), hidden],
    [at(i, 'ln_1.bias'), hidden],
    [at(i, 'attn.c_attn.weight'), hidden, 3 * hidden],
    [at(i, 'attn.c_attn.bias'), 3 * hidden],
    [at(i, 'attn.c_proj.weight'), hidden, hidden],
    [at(i, 'attn.c_proj.bias'), hidden],
    [at(i, 'ln_2.weight'), hidden],
    [at(i, 'ln_2.bias'), hidden],
    [at(i, 'mlp.c_fc.weight'), hidden, 4 * hidden],
    [at(i, 'mlp.c_fc.bias'), 4 * hidden],
    [at(i, 'mlp.c_proj.weight'), 4 * hidden, hidden],
    [at(i, 'mlp.c_proj.bias'), hidden],
  ]
}

function blockNodes(i: number): string {
  const linear = (label: string, out: string, x: string, name: string): string =>
    `  [${JSON.stringify(label)}] ${out}_p = MatMul (${x}, "${at(i, `${name}.weight`)}")\n  ${out} = Add (${out}_p, "${at(i, `${name}.bias`)}")`
  const scope = `/transformer/h.${i}`
  const split = (part: string): string =>
    `  ${part}4_${i} = Reshape (${part}_${i}, heads)\n  ${part}h_${i} = Transpose <perm = [0, ${part === 'k' ? '2, 3, 1' : '2, 1, 3'}]> (${part}4_${i})`
  return [
    `  n_${i} = LayerNormalization <axis = -1, epsilon = 0.00001> (x_${i}, "${at(i, 'ln_1.weight')}", "${at(i, 'ln_1.bias')}")`,
    linear(`${scope}/attn/c_attn/MatMul`, `qkv_${i}`, `n_${i}`, 'attn.c_attn'),
    `  q_${i}, k_${i}, v_${i} = Split <axis = 2> (qkv_${i})`,
    split('q'),
    split('k'),
    split('v'),
    `  qk_${i} = MatMul (qh_${i}, kh_${i})`,
    `  s_${i} = Div (qk_${i}, scale)`,
    `  row_${i} = Unsqueeze (places, axes_1)`,
    `  column_${i} = Unsqueeze (places, axes_0)`,
    `  later_${i} = Less (row_${i}, column_${i})`,
    `  masked_${i} = Where (later_${i}, least, s_${i})`,
    `  a_${i} = Softmax <axis = -1> (masked_${i})`,
    `  o_${i} = MatMul (a_${i}, vh_${i})`,
    `  ot_${i} = Transpose <perm = [0, 2, 1, 3]> (o_${i})`,
    `  oj_${i} = Reshape (ot_${i}, joined)`,
    linear(`${scope}/attn/c_proj/MatMul`, `p_${i}`, `oj_${i}`, 'attn.c_proj'),
    `  m_${i} = Add (x_${i}, p_${i})`,
    `  l_${i} = LayerNormalization <axis = -1, epsilon = 0.00001> (m_${i}, "${at(i, 'ln_2.weight')}", "${at(i, 'ln_2.bias')}")`,
    linear(`${scope}/mlp/c_fc/MatMul`, `f_${i}`, `l_${i}`, 'mlp.c_fc'),
    `  f3_${i} = Pow (f_${i}, three)`,
    `  fc_${i} = Mul (f3_${i}, cubic)`,
    `  fs_${i} = Add (f_${i}, fc_${i})`,
    `  fr_${i} = Mul (fs_${i}, root)`,
    `  ft_${i} = Tanh (fr_${i})`,
    `  fu_${i} = Add (ft_${i}, unit)`,
    `  fh_${i} = Mul (f_${i}, half)`,
    `  g_${i} = Mul (fh_${i}, fu_${i})`,
    linear(`${scope}/mlp/c_proj/MatMul`, `w_${i}`, `g_${i}`, 'mlp.c_proj'),
    `  x_${i + 1} = Add (m_${i}, w_${i})`,
  ].join('\n')
}
