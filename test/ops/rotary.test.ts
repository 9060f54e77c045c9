import { float } from '../../src/builder.js'
import { rotary } from '../../src/ops/rotary.js'
import { checkFamily, constant, differentiateOnly, fed, ints, signed } from './harness.js'

const heads = signed(2, 3, 5, 8)
const rows = signed(2, 5, 24)
const tables = [constant(signed(7, 4)), constant(signed(7, 4))]
const narrow = [constant(signed(7, 2)), constant(signed(7, 2))]
const places = fed(ints([0, 1, 2, 3, 4, 6, 5, 4, 1, 1], [2, 5]))

const own = { opset: 23 }

checkFamily(rotary, {
  RotaryEmbedding: differentiateOnly(
    ['partial, interleaved, three axes', 'differentiable angles'],
    [
      { about: 'four axes', inputs: [heads, ...tables, places], ...own },
      { about: 'three axes', inputs: [rows, ...tables, places], attributes: { num_heads: 3 }, ...own },
      { about: 'interleaved', inputs: [heads, ...tables, places], attributes: { interleaved: 1 }, ...own },
      {
        about: 'partial',
        inputs: [heads, ...narrow, places],
        attributes: { rotary_embedding_dim: 4 },
        ...own,
      },
      {
        about: 'partial, interleaved, three axes',
        inputs: [rows, ...narrow, places],
        attributes: { rotary_embedding_dim: 4, interleaved: 1, num_heads: 3 },
        ...own,
      },
      {
        about: 'angles without positions',
        inputs: [heads, constant(signed(2, 5, 4)), constant(signed(2, 5, 4))],
        ...own,
      },
      {
        about: 'angles of one batch for all',
        inputs: [heads, constant(signed(1, 5, 4)), constant(signed(1, 5, 4))],
        notInRuntime: 'needs a batch of angles',
        ...own,
      },
      { about: 'differentiable angles', inputs: [heads, signed(2, 5, 4), signed(2, 5, 4)], ...own },
    ],
  ),
  'com.microsoft::RotaryEmbedding': differentiateOnly(
    ['one offset'],
    [
      { about: 'four axes', inputs: [heads, places, ...tables] },
      { about: 'three axes', inputs: [rows, places, ...tables] },
      { about: 'one offset', inputs: [heads, fed(ints([1])), ...tables] },
      {
        about: 'interleaved, partial',
        inputs: [rows, places, ...narrow],
        attributes: { rotary_embedding_dim: 4, interleaved: 1, num_heads: 3 },
      },
      { about: 'scaled', inputs: [heads, places, ...tables], attributes: { scale: float(2) } },
    ],
  ),
})
