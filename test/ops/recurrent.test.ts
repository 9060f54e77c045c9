import { recurrent } from '../../src/ops/recurrent/index.js'
import { checkFamily, differentiateOnly, ints, uniform, type Operand, type Sample } from './harness.js'

const [T, N, I, H] = [3, 2, 1, 2]
const small = (...shape: number[]): Operand => uniform(-0.8, 0.8, ...shape)
const strings = (...value: string[]) => ({ type: 'strings', value }) as const
const floatList = (...value: number[]) => ({ type: 'floats', value }) as const
const float = (value: number) => ({ type: 'float', value }) as const

/** Samples of an operator of so many gates; the LSTM has a cell and peepholes. */
function samples(gates: number, hasCell: boolean, more: readonly Sample[]): Sample[] {
  const inputs = (d: number, { bias = true, lengths = false, initial = false, layout = 0 } = {}) => {
    const state = () => (layout ? small(N, d, H) : small(d, N, H))
    const list = [
      layout ? small(N, T, I) : small(T, N, I),
      ...[small(d, gates * H, I), small(d, gates * H, H), bias ? small(d, 2 * gates * H) : null],
      ...[lengths ? ints([3, 1], [2], 'int32') : null, initial ? state() : null],
    ]
    return hasCell && initial ? [...list, state()] : list
  }
  const outputs = hasCell ? 3 : 2
  const hidden_size = H
  const own = more.map((s) => s.about!)
  return differentiateOnly(
    ['bidirectional, of different lengths', ...own],
    [
      { about: 'forward', inputs: inputs(1), attributes: { hidden_size }, outputs },
      { about: 'without biases', inputs: inputs(1, { bias: false }), attributes: { hidden_size }, outputs },
      {
        about: 'reverse, from given states',
        inputs: inputs(1, { initial: true }),
        attributes: { hidden_size, direction: 'reverse' },
        outputs,
      },
      {
        about: 'bidirectional, of different lengths',
        inputs: inputs(2, { lengths: true, initial: true }),
        attributes: { hidden_size, direction: 'bidirectional' },
        outputs,
      },
      {
        about: 'batch first',
        inputs: inputs(2, { initial: true, layout: 1 }),
        attributes: { hidden_size, direction: 'bidirectional', layout: 1 },
        outputs,
        notInRuntime: 'ONNX Runtime has no layout 1',
      },
      {
        about: 'clipped',
        inputs: inputs(1),
        attributes: { hidden_size, clip: float(0.4) },
        outputs,
      },
      ...more,
    ],
  )
}

const weights = (gates: number, d = 1): Operand[] => [
  small(T, N, I),
  small(d, gates * H, I),
  small(d, gates * H, H),
  small(d, 2 * gates * H),
]

checkFamily(recurrent, {
  RNN: samples(1, false, [
    {
      about: 'activations with parameters',
      inputs: weights(1, 2),
      attributes: {
        hidden_size: H,
        direction: 'bidirectional',
        activations: strings('LeakyRelu', 'ScaledTanh'),
        activation_alpha: floatList(0.1, 0.7),
        activation_beta: floatList(1.3),
      },
      outputs: 2,
      // ONNX Runtime takes beta by the activation's position.
      notInRuntime: 'its beta belongs to another activation',
    },
    {
      about: 'other activations',
      inputs: weights(1, 2),
      attributes: { hidden_size: H, direction: 'bidirectional', activations: strings('Softsign', 'Sigmoid') },
      outputs: 2,
    },
  ]),
  GRU: samples(3, false, [
    {
      about: 'linear before reset',
      inputs: weights(3),
      attributes: { hidden_size: H, linear_before_reset: 1 },
      outputs: 2,
    },
  ]),
  LSTM: samples(4, true, [
    {
      about: 'peepholes',
      inputs: [...weights(4), null, null, null, small(1, 3 * H)],
      attributes: { hidden_size: H },
      outputs: 3,
    },
    {
      about: 'input and forget gates coupled',
      inputs: weights(4),
      attributes: { hidden_size: H, input_forget: 1 },
      outputs: 3,
    },
  ]),
})
