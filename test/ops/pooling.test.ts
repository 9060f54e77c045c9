import type { AttributeArgs } from '../../src/builder.js'
import { pooling } from '../../src/ops/pooling.js'
import { checkFamily, floats, signed, type Sample } from './harness.js'

const x = signed(2, 3, 7)
const image = signed(1, 2, 6, 5)

function samples(more: AttributeArgs = {}): Sample[] {
  const sample = (about: string, input: typeof x, attributes: AttributeArgs): Sample => ({
    about,
    inputs: [input],
    attributes: { ...attributes, ...more },
    opset: 22,
  })
  return [
    sample('one axis', x, { kernel_shape: [2] }),
    sample('two axes', image, { kernel_shape: [3, 2] }),
    sample('strides', image, { kernel_shape: [2, 2], strides: [2, 2] }),
    sample('pads', image, { kernel_shape: [3, 3], pads: [1, 1, 0, 1] }),
    sample('strides and pads', image, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
    sample('dilations', x, { kernel_shape: [2], dilations: [3] }),
    {
      ...sample('same', x, { kernel_shape: [3], strides: [2], auto_pad: 'SAME_UPPER' }),
      notSymbolic: 'padding',
    },
    {
      ...sample('ceil', image, { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }),
      notSymbolic: 'ceil_mode',
    },
    {
      ...sample('ceil and pads', signed(1, 1, 6), {
        kernel_shape: [3],
        strides: [2],
        pads: [1, 1],
        ceil_mode: 1,
      }),
      notSymbolic: 'ceil_mode',
    },
  ]
}

const global = [{ inputs: [signed(2, 3, 4, 5)] }, { about: 'one axis', inputs: [x] }]
const columnMajor = { inputs: [image], attributes: { kernel_shape: [2, 2], storage_order: 1 } }

checkFamily(pooling, {
  AveragePool: [
    ...samples(),
    ...samples({ count_include_pad: 1 }).map((s) => ({ ...s, about: `${s.about}, padding counted` })),
  ],
  MaxPool: [
    ...samples(),
    { ...columnMajor, about: 'column-major positions' },
    { ...columnMajor, about: 'column-major positions, read', outputs: 2 },
  ],
  LpPool: [...samples(), ...samples({ p: 3 }).map((s) => ({ ...s, about: `${s.about}, p = 3` }))],
  GlobalAveragePool: global,
  GlobalMaxPool: [
    ...global,
    { about: 'ties', inputs: [floats([1, 1, 3], [2, 1, 2])], notDifferentiated: 'kink' },
  ],
  GlobalLpPool: [...global, { about: 'p = 3', inputs: [x], attributes: { p: 3 } }],
})
