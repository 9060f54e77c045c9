import { microsoftBnb4 } from '../../../src/ops/microsoft/bnb4.js'
import { as, checkFamily, constant, ints, positive, signed, type Operand } from '../harness.js'

const bytes = (size: number): Operand =>
  as('uint8', ints(Array.from({ length: size }, (_, i) => (i * 73 + 41) % 256)))
const frozen = (about: string, attributes: Record<string, number>, inputs: Operand[]) => ({
  about,
  inputs,
  attributes,
  notInFloat16: 'no kernel',
  notSymbolic: 'its weights are static',
})

checkFamily(microsoftBnb4, {
  'com.microsoft::MatMulBnb4': [
    frozen('NF4', { N: 4, K: 16, block_size: 16, quant_type: 1 }, [
      signed(2, 16),
      bytes(32),
      constant(positive(4)),
    ]),
    frozen('FP4', { N: 4, K: 16, block_size: 16, quant_type: 0 }, [
      signed(2, 16),
      bytes(32),
      constant(positive(4)),
    ]),
    frozen('blocks over rows', { N: 3, K: 10, block_size: 16, quant_type: 1 }, [
      signed(2, 3, 10),
      bytes(15),
      constant(positive(2)),
    ]),
  ],
})
