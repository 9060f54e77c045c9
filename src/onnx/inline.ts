/** Messages that are kept as they are must not depend on where the file lay: their external tensors come inside. */
import { type ExternalFiles, readSpan } from './external.js'
import { DataLocation, type TensorProto } from './messages.js'
import { wireType } from './schema.js'

const TENSOR = wireType('TensorProto')

/** The message itself, with the data of external tensors in it read in place. */
export function inlineExternal<T>(message: T, files: ExternalFiles): T {
  if (typeof message !== 'object' || message === null || ArrayBuffer.isView(message)) return message
  if (message instanceof TENSOR.ctor) inlineTensor(message as TensorProto, files)
  else for (const child of Object.values(message)) inlineExternal(child, files)
  return message
}

function inlineTensor(tensor: TensorProto, files: ExternalFiles): void {
  if (tensor.dataLocation !== DataLocation.EXTERNAL) return
  tensor.rawData = readSpan(files.locate(tensor, 0))
  delete tensor.dataLocation
  delete tensor.externalData
}
