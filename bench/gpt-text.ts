/** A GPT-2 of any depth in ONNX's textual syntax, decomposed as exporters do. */
import type { Model } from '../src/ir.js'
import { parseModel } from '../src/text.js'

const HIDDEN = 8
const HEADS = 2
const VOCABULARY = 16
const POSITIONS = 32

/** A model with `input_ids` and `logits`; weights are small waves. */
export function gpt(layers: number): Model {
  const blocks = Array.from({ length: layers }, (_, i) => block(i))
  const weights = [
    weight('transformer.wte.weight', VOCABULARY, HIDDEN),
    weight('transformer.wpe.weight', POSITIONS, HIDDEN),
    ...blocks.flatMap((b) => b.weights),
    weight('transformer.ln_f.weight', HIDDEN),
    weight('transformer.ln_f.bias', HIDDEN),
    weight('lm_head.weight', HIDDEN, VOCABULARY),
    ...CONSTANTS,
  ]
  return parseModel(`<ir_version: 8, opset_import: ["" : 17], producer_name: "pytorch">
gpt (int64[batch, seq] input_ids) => (float[batch, seq, ${VOCABULARY}] logits) <${weights.join(', ')}> {
  size = Shape (input_ids)
  length = Gather <axis = 0> (size, one)
  places = Range (zero, length, one)
  x_token = Gather ("transformer.wte.weight", input_ids)
  x_place = Gather ("transformer.wpe.weight", places)
  x_0 = Add (x_token, x_place)
${blocks.map((b) => b.nodes).join('\n')}
  x_f = LayerNormalization <axis = -1, epsilon = 0.00001> (x_${layers}, "transformer.ln_f.weight", "transformer.ln_f.bias")
  logits = MatMul (x_f, "lm_head.weight")
}`)
}

const CONSTANTS = [
  'int64 zero = {0}',
  'int64 one = {1}',
  `int64[4] heads = {0, 0, ${HEADS}, ${HIDDEN / HEADS}}`,
  `int64[3] joined = {0, 0, ${HIDDEN}}`,
  `float scale = {${Math.sqrt(HIDDEN / HEADS)}}`,
  'float least = {-10000}',
  'float half = {0.5}',
  'float unit = {1}',
  'float three = {3}',
  'float cubic = {0.044715}',
  `float root = {${Math.sqrt(2 / Math.PI)}}`,
  'int64[1] axes_0 = {0}',
  'int64[1] axes_1 = {1}',
]

function weight(name: string, ...shape: number[]): string {
  const size = shape.reduce((n, d) => n * d, 1)
  const values = Array.from({ length: size }, (_, i) => (Math.sin(i + name.length) / 4).toFixed(3))
  return `float[${shape}] "${name}" = {${values}}`
}

function block(i: number): { weights: string[]; nodes: string } {
  const at = (name: string): string => `transformer.h.${i}.${name}`
  const weights = [
    weight(at('ln_1.weight'), HIDDEN),
    weight(at('ln_1.bias'), HIDDEN),
    weight(at('attn.c_attn.weight'), HIDDEN, 3 * HIDDEN),
    weight(at('attn.c_attn.bias'), 3 * HIDDEN),
    weight(at('attn.c_proj.weight'), HIDDEN, HIDDEN),
    weight(at('attn.c_proj.bias'), HIDDEN),
    weight(at('ln_2.weight'), HIDDEN),
    weight(at('ln_2.bias'), HIDDEN),
    weight(at('mlp.c_fc.weight'), HIDDEN, 4 * HIDDEN),
    weight(at('mlp.c_fc.bias'), 4 * HIDDEN),
    weight(at('mlp.c_proj.weight'), 4 * HIDDEN, HIDDEN),
    weight(at('mlp.c_proj.bias'), HIDDEN),
  ]
  const linear = (label: string, out: string, x: string, name: string): string =>
    `  [${JSON.stringify(label)}] ${out}_p = MatMul (${x}, "${at(`${name}.weight`)}")\n  ${out} = Add (${out}_p, "${at(`${name}.bias`)}")`
  const scope = `/transformer/h.${i}`
  const split = (part: string): string =>
    `  ${part}4_${i} = Reshape (${part}_${i}, heads)\n  ${part}h_${i} = Transpose <perm = [0, ${part === 'k' ? '2, 3, 1' : '2, 1, 3'}]> (${part}4_${i})`
  return {
    weights,
    nodes: [
      `  n_${i} = LayerNormalization <axis = -1, epsilon = 0.00001> (x_${i}, "${at('ln_1.weight')}", "${at('ln_1.bias')}")`,
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
      `  l_${i} = LayerNormalization <axis = -1, epsilon = 0.00001> (m_${i}, "${at('ln_2.weight')}", "${at('ln_2.bias')}")`,
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
    ].join('\n'),
  }
}
