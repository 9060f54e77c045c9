/** The wire schema, run by protobufjs reflection; a field that is not listed survives in `$unknowns`. */
import protobuf from 'protobufjs/light.js'
import { MESSAGES, PLAIN, type Fields } from './fields.js'
import { AttributeType, DataLocation } from './messages.js'

/**
 * @param edition both keep fields that are set to their default; `2023` also packs numbers
 */
function build(
  edition: 'proto2' | '2023',
  overrides: Readonly<Record<string, Fields>>,
): (name: string) => protobuf.Type {
  const nested: Record<string, protobuf.AnyNestedObject> = {
    AttributeType: { values: { ...AttributeType } },
    DataLocation: { values: { ...DataLocation } },
  }
  for (const [name, fields] of Object.entries(MESSAGES)) {
    nested[name] = { edition, fields: fieldTable({ ...fields, ...overrides[name] }) }
  }
  const root = protobuf.Root.fromJSON({ nested })
  root.resolveAll()
  return (name) => root.lookupType(name)
}

function fieldTable(fields: Fields): Record<string, protobuf.IField> {
  const table: Record<string, protobuf.IField> = {}
  for (const [name, text] of Object.entries(fields)) {
    const [type, id] = text.replace('*', '').split(' ') as [string, string]
    table[name] = { type, id: Number(id), ...(text.startsWith('*') ? { rule: 'repeated' } : {}) }
  }
  return table
}

/** A message type of the wire schema by name. */
export const wireType = build('proto2', {})
/** The same for plain objects, whose typed tensor data is arrays of numbers. */
export const plainType = build('2023', PLAIN)
