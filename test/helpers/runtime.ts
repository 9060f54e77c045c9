/** ONNX Runtime on a model of the IR and arrays of the reference interpreter. */
import * as ort from 'onnxruntime-node'
import { lowerModel } from '../../passes/lower.js'
import { cloneModel } from '../../src/clone.js'
import { hostOf } from '../../src/host-tensor.js'
import type { Model } from '../../src/ir.js'
import { encodeModel } from '../../src/onnx/index.js'
import type { NdArray } from '../../src/op.js'
import { standardOps } from '../../src/ops/index.js'
import { halfToNumber, Tensor } from '../../src/tensor.js'

/** A session of a copy of the model with the project's own operators lowered. */
export async function session(model: Model): Promise<ort.InferenceSession> {
  const lowered = cloneModel(model)
  lowerModel(lowered, standardOps)
  return ort.InferenceSession.create(encodeModel(lowered), { intraOpNumThreads: 1, logSeverityLevel: 4 })
}

/** @throws where the bindings have no tensors of this element type */
export function tensorOf({ dtype, shape, data }: NdArray): ort.Tensor {
  const host = hostOf(Tensor.of(dtype, shape, data))
  return new ort.Tensor(dtype as 'float32', host.data as Float32Array, shape)
}

/** The elements as numbers. */
export function numbersOf(tensor: ort.Tensor): Float64Array {
  const bits = tensor.type === 'float16' && tensor.data instanceof Uint16Array
  return Float64Array.from(tensor.data as Float32Array, bits ? halfToNumber : Number)
}
