/** The protobuf boundary: ONNX files and objects on one side, the IR on the other. */
export { fromProto, loadModel, readModel, type ReadOptions } from './load.js'
export { assignNames, type Names } from './names.js'
export { functionDefaults, overloadOf } from './reader.js'
export { saveModel, saveModels, type ExternalDataOptions, type SaveOptions } from './save.js'
export { stringTensor, tensorStrings } from './tensor-data.js'
export { encodeModel, type EncodeOptions } from './writer.js'
