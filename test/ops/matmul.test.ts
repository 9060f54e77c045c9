import { float } from '../../src/builder.js'
import { matmul } from '../../src/ops/matmul.js'
import { checkFamily, constant, signed, type Sample } from './harness.js'

const gemm = (transA: number, transB: number): Sample => ({
  about: `transA ${transA}, transB ${transB}`,
  inputs: [transA ? signed(4, 3) : signed(3, 4), transB ? signed(5, 4) : signed(4, 5), signed(5)],
  attributes: { transA, transB, alpha: float(0.5), beta: float(1.5) },
})

const fused = (transA: number, transB: number): Sample => ({
  about: `transA ${transA}, transB ${transB}`,
  inputs: [transA ? signed(2, 4, 3) : signed(2, 3, 4), transB ? signed(2, 5, 4) : signed(2, 4, 5)],
  attributes: { transA, transB, alpha: float(0.25) },
})

checkFamily(matmul, {
  MatMul: [
    { about: 'matrices', inputs: [signed(3, 4), signed(4, 5)] },
    { about: 'batch and matrix', inputs: [signed(2, 3, 4), signed(4, 5)] },
    { about: 'two batch axes and matrix', inputs: [signed(2, 3, 1, 4), signed(4, 5)] },
    { about: 'batch and frozen matrix', inputs: [signed(2, 3, 4), constant(signed(4, 5))] },
    { about: 'frozen batch and matrix', inputs: [constant(signed(2, 3, 4)), signed(4, 5)] },
    { about: 'matrix and batch', inputs: [signed(3, 4), signed(2, 4, 5)] },
    { about: 'batches', inputs: [signed(2, 3, 4, 5), signed(2, 3, 5, 6)] },
    { about: 'batches broadcast', inputs: [signed(2, 1, 4, 5), signed(3, 5, 2)] },
    { about: 'batches broadcast the other way', inputs: [signed(1, 4, 5), signed(3, 2, 5, 2)] },
    { about: 'vectors', inputs: [signed(4), signed(4)] },
    { about: 'vector and matrix', inputs: [signed(4), signed(4, 3)] },
    { about: 'matrix and vector', inputs: [signed(3, 4), signed(4)] },
    { about: 'batch and vector', inputs: [signed(2, 3, 4), signed(4)] },
    { about: 'vector and batch', inputs: [signed(4), signed(2, 4, 3)] },
    { about: 'one row', inputs: [signed(1, 1, 4), signed(4, 1)] },
    square(),
  ],
  Gemm: [
    gemm(0, 0),
    gemm(0, 1),
    gemm(1, 0),
    gemm(1, 1),
    { about: 'no bias', inputs: [signed(3, 4), signed(4, 5)] },
    { about: 'bias a row', inputs: [signed(3, 4), signed(4, 5), signed(3, 1)] },
    { about: 'scalar bias', inputs: [signed(3, 4), signed(4, 5), signed()] },
  ],
  'com.microsoft::FusedMatMul': [
    fused(0, 0),
    fused(0, 1),
    fused(1, 0),
    fused(1, 1),
    { about: 'broadcast batch', inputs: [signed(2, 3, 4), signed(5, 4)], attributes: { transB: 1 } },
  ],
})

function square(): Sample {
  const x = signed(3, 3)
  return { about: 'shared operand', inputs: [x, x] }
}
