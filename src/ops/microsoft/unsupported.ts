/** com.microsoft operators that have no definition, why, and what to do instead. */

const generation =
  'it generates text, with the model in a nested graph; compile the model that is inside, exported without the search'
const decoding =
  "it decodes one token at a time from a cache of keys and values; export the model for whole sequences, without the optimizer's decoder fusions"
const recurrence =
  'it runs a recurrence over positions in one kernel; export the model with the recurrence written out'
const cublas =
  'it computes on int8 tensors in the memory orders of cuBLASLt; quantise with QuantizeLinear and DequantizeLinear instead'
const packedWeights =
  'its weights are packed for one kernel; quantise with MatMulNBits, MatMulBnb4 or DequantizeLinear instead'
const wholeModel = 'it holds a compiled model of one device; use the model that it was made of'
const preprocessing = 'it prepares inputs and has no gradient; apply it to the data before training'
const webgpu = 'it fuses a layer for WebGPU; use the model before that optimisation, with MatMulNBits'

/** Reasons by domain-qualified name. */
export const microsoftUnsupported: Readonly<Record<string, string>> = {
  'com.microsoft::AttnLSTM':
    'its recurrence with attention has no gradient rule; export LSTM and attention apart',
  'com.microsoft::BeamSearch': generation,
  'com.microsoft::BifurcationDetector': generation,
  'com.microsoft::CropAndResize': preprocessing,
  'com.microsoft::DecoderAttention': decoding,
  'com.microsoft::DecoderMaskedMultiHeadAttention': decoding,
  'com.microsoft::DecoderMaskedSelfAttention': decoding,
  'com.microsoft::DequantizeBFP': packedWeights,
  'com.microsoft::DequantizeWithOrder': cublas,
  'com.microsoft::DynamicQuantizeLSTM': 'its weights are quantised for one kernel; export the LSTM in float',
  'com.microsoft::DynamicTimeWarping':
    'it aligns by dynamic programming, which has no gradient; compile the model without its timestamps',
  'com.microsoft::EPContext': wholeModel,
  'com.microsoft::GatedDeltaNet': recurrence,
  'com.microsoft::GemmFloat8': packedWeights,
  'com.microsoft::GreedySearch': generation,
  'com.microsoft::Irfft': 'it is superseded; export with DFT (opset 17)',
  'com.microsoft::LinearAttention': recurrence,
  'com.microsoft::LongformerAttention':
    "its window with global tokens has kernels on GPUs only and no gradient rule; export Longformer without the optimizer's fusion",
  'com.microsoft::MatMulBlockQuantizedFp4Weight': packedWeights,
  'com.microsoft::MatMulBlockQuantizedFp8Weight': packedWeights,
  'com.microsoft::MatMulFpQ4': packedWeights,
  'com.microsoft::MatMulInteger16':
    'it multiplies integers without their scales; quantise with QuantizeLinear and DequantizeLinear instead',
  'com.microsoft::MatMulNBitsMlp': webgpu,
  'com.microsoft::MatMulNBitsQkv': webgpu,
  'com.microsoft::MaxpoolWithMask': 'it is internal to ONNX Runtime; export with MaxPool',
  'com.microsoft::MulInteger':
    'it multiplies integers without their scales; quantise with QuantizeLinear and DequantizeLinear instead',
  'com.microsoft::MurmurHash3': preprocessing,
  'com.microsoft::NGramHashMapping': preprocessing,
  'com.microsoft::NGramRepeatBlock': generation,
  'com.microsoft::PagedAttention': decoding,
  'com.microsoft::QOrderedAttention': cublas,
  'com.microsoft::QOrderedGelu': cublas,
  'com.microsoft::QOrderedLayerNormalization': cublas,
  'com.microsoft::QOrderedLongformerAttention': cublas,
  'com.microsoft::QOrderedMatMul': cublas,
  'com.microsoft::QuantizeBFP': packedWeights,
  'com.microsoft::QuantizeWithOrder': cublas,
  'com.microsoft::ReduceSumInteger':
    'it adds integers without their scale; quantise with QuantizeLinear and DequantizeLinear instead',
  'com.microsoft::Rfft': 'it is superseded; export with DFT (opset 17)',
  'com.microsoft::SampleOp': "it is an example of ONNX Runtime's; leave it out",
  'com.microsoft::Sampling': generation,
  'com.microsoft::Snpe': wholeModel,
  'com.microsoft::SparseAttention':
    'its blocks are sparse and its keys share a buffer with the past; export Phi-3-small without the fused attention',
  'com.microsoft::SparseToDenseMatMul': 'its weights are sparse tensors; export them dense',
  'com.microsoft::Tokenizer': preprocessing,
  'com.microsoft::Unique': 'it is superseded; export with Unique (opset 11)',
  'com.microsoft::VarlenCausalConvWithState':
    'its sequences are packed with a state each; export the convolution with padding (CausalConvWithState or Conv)',
  'com.microsoft::WhisperBeamSearch': generation,
  'com.microsoft::WordConvEmbedding': preprocessing,
}
