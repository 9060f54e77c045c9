/** Names as C strings. */
import { DropBPError } from '../../src/errors.js'
import type { OrtLibrary } from './library.js'

/** Names of a graph's inputs or outputs, in memory that stays where it is. */
export class Names {
  /** Pointers to all of them, in order. */
  readonly all: BigUint64Array
  /** What the pointers lead to. */
  private readonly bytes: Uint8Array
  private readonly byName: ReadonlyMap<string, bigint>

  constructor(ort: OrtLibrary, names: readonly string[]) {
    const encoded = names.map((name) => new TextEncoder().encode(`${name}\0`))
    const length = encoded.reduce((sum, { length }) => sum + length, 0)
    this.bytes = new Uint8Array(length)
    const start = ort.address(this.bytes)
    this.all = new BigUint64Array(names.length)
    let at = 0
    for (const [i, bytes] of encoded.entries()) {
      this.bytes.set(bytes, at)
      this.all[i] = start + BigInt(at)
      at += bytes.length
    }
    this.byName = new Map(names.map((name, i) => [name, this.all[i]!]))
  }

  /** Pointers to some of them. @throws DropBPError `no-such-output` */
  pointers(names: readonly string[], file: string): BigUint64Array {
    return BigUint64Array.from(names, (name) => {
      const pointer = this.byName.get(name)
      if (pointer !== undefined) return pointer
      const known = [...this.byName.keys()].slice(0, 8).join(', ')
      throw new DropBPError(
        'no-such-output',
        `${file}: there is no output "${name}"; it has ${known}`,
        'usage',
      )
    })
  }
}
