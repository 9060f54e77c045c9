/** Protobuf by hand, independent of the schema under test: writes fields by number, and finds them again. */

/** One field: an integer as a varint, text and bytes with a length. */
export function field(number: number, value: number | string | Uint8Array): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)])
  const bytes = Buffer.from(value as Uint8Array)
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

/** A message with these fields; nested messages are further calls. */
export function message(...fields: Uint8Array[]): Buffer {
  return Buffer.concat(fields)
}

function varint(n: number): Buffer {
  const bytes: number[] = []
  for (; n > 127; n = Math.floor(n / 128)) bytes.push((n % 128) + 128)
  return Buffer.from([...bytes, n])
}

/** The contents of every field `path.at(-1)` in messages reached through the others. */
export function find(bytes: Uint8Array, ...path: readonly number[]): Buffer[] {
  const [first, ...rest] = path
  const found = fields(bytes).filter((f) => f.number === first)
  return rest.length === 0 ? found.map((f) => f.content) : found.flatMap((f) => find(f.content, ...rest))
}

function fields(bytes: Uint8Array): { number: number; content: Buffer }[] {
  const found: { number: number; content: Buffer }[] = []
  let at = 0
  const read = (): number => {
    let n = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!
      n += (byte & 127) * scale
      if (byte < 128) return n
    }
  }
  while (at < bytes.length) {
    const tag = read()
    const start = at
    const sizes: Record<number, () => number> = {
      0: () => (read(), at - start),
      1: () => 8,
      2: read,
      5: () => 4,
    }
    const size = sizes[tag & 7]!()
    const from = (tag & 7) === 2 ? at : start
    found.push({ number: tag >>> 3, content: Buffer.from(bytes.subarray(from, from + size)) })
    at = from + size
  }
  return found
}
