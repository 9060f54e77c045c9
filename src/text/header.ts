/** What a model or a function says about itself in angle brackets. */
import type { Entry, OperatorSetId } from '../onnx/messages.js'
import type { Scanner } from './scanner.js'
import { pairs } from './tensors.js'

const TEXT_KEYS: ReadonlySet<string> = new Set([
  'producer_name',
  'producer_version',
  'domain',
  'doc_string',
  'overload',
])

/** The entries of a header. */
export interface OtherData {
  numbers?: Map<string, number>
  strings?: Map<string, string>
  opsets?: OperatorSetId[]
  entries?: Entry[]
}

/** The texts of a header as fields of a message. */
export function texts<K extends string>(
  data: OtherData,
  keys: Readonly<Record<K, string>>,
): Partial<Record<K, string>> {
  const found: Partial<Record<K, string>> = {}
  for (const [field, key] of Object.entries<string>(keys)) {
    const text = data.strings?.get(key)
    if (text !== undefined) found[field as K] = text
  }
  return found
}

/** Entries up to the closing angle bracket. */
export function otherData(s: Scanner): OtherData {
  const data: OtherData = { numbers: new Map(), strings: new Map() }
  s.list('>', () => {
    const key = s.name('a key')
    s.expect(':')
    if (key === 'opset_import') data.opsets = opsets(s)
    else if (key === 'metadata_props') data.entries = (s.expect('['), pairs(s))
    else if (key === 'ir_version' || key === 'model_version') data.numbers!.set(key, Number(s.integer()))
    else if (TEXT_KEYS.has(key)) data.strings!.set(key, s.quoted())
    else
      throw s.fail(
        `one of ir_version, opset_import, metadata_props, model_version, ${[...TEXT_KEYS].join(', ')}, not "${key}", before`,
      )
  })
  return data
}

function opsets(s: Scanner): OperatorSetId[] {
  s.expect('[')
  return s.list(']', () => {
    const domain = s.quoted()
    s.expect(':')
    return { domain, version: Number(s.integer()) }
  })
}
