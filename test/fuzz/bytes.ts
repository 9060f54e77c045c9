/** Damage that knows nothing of the format: bits, bytes and pieces. */
import type { Choices } from './source.js'

type Damage = (bytes: Uint8Array, c: Choices) => Uint8Array

const LARGEST_PIECE = 64

/** Bytes that are lengths, tags and limits more often than others. */
const TELLING = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0x08, 0x0a, 0x12, 0x3a]

const DAMAGES: readonly Damage[] = [
  (bytes, c) => changed(bytes, (b, at) => (b[at]! ^= 1 << c.below(8)), c),
  (bytes, c) => changed(bytes, (b, at) => (b[at] = c.of(TELLING)!), c),
  (bytes, c) => changed(bytes, (b, at) => (b[at] = c.below(256)), c),
  // a varint without an end, or with one far away
  (bytes, c) => changed(bytes, (b, at) => b.fill(0xff, at, at + 1 + c.below(12)), c),
  (bytes, c) => bytes.slice(0, c.below(bytes.length)),
  (bytes, c) => spliced(bytes, c, new Uint8Array(0), c.below(LARGEST_PIECE)),
  (bytes, c) => spliced(bytes, c, c.bytes(c.below(LARGEST_PIECE)), 0),
  (bytes, c) => {
    const from = c.below(bytes.length)
    return spliced(bytes, c, bytes.slice(from, from + c.below(LARGEST_PIECE)), c.below(LARGEST_PIECE))
  },
]

/** Damages a file in one to three places; most land in what is not weights, since that is where a format is. */
export function damageBytes(bytes: Uint8Array, c: Choices): Uint8Array {
  let damaged = bytes
  for (let n = 1 + c.below(3); n > 0; n--) damaged = c.of(DAMAGES)!(damaged, c)
  return damaged
}

function changed(bytes: Uint8Array, change: (bytes: Uint8Array, at: number) => void, c: Choices): Uint8Array {
  const copy = Uint8Array.from(bytes)
  change(copy, c.below(copy.length))
  return copy
}

function spliced(bytes: Uint8Array, c: Choices, piece: Uint8Array, removed: number): Uint8Array {
  const at = c.below(bytes.length)
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + removed)])
}
