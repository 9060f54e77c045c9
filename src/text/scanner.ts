/** Characters to words, with positions for messages. */
import { CompileError } from '../errors.js'
import type { Literal } from './literals.js'

/** A cursor over a text; blanks and `#` comments between words are skipped. */
export class Scanner {
  private at = 0

  constructor(private readonly text: string) {}

  /** The error for something else than expected at the cursor. */
  fail(expected: string, at = this.here()): CompileError {
    if (this.text.startsWith('...', at)) {
      return this.error(
        'elided-data',
        at,
        'the text leaves data out (`...`) and cannot be read; print it with a larger limit',
      )
    }
    const rest = this.text.slice(at, at + 24).split('\n')[0]!
    return this.error('text-syntax', at, `expected ${expected}, got ${rest ? `\`${rest}\`` : 'the end'}`)
  }

  private error(code: string, at: number, message: string): CompileError {
    const before = this.text.slice(0, at).split('\n')
    const line = this.text.split('\n')[before.length - 1]!.trim()
    const place = `line ${before.length}, column ${before.at(-1)!.length + 1}`
    return new CompileError(code, `${place}: ${message}; in \`${line}\``)
  }

  get atEnd(): boolean {
    return this.here() >= this.text.length
  }

  /** Whether the text goes on with these characters. */
  sees(text: string): boolean {
    return this.text.startsWith(text, this.here())
  }

  accept(text: string): boolean {
    if (!this.sees(text)) return false
    this.at += text.length
    return true
  }

  expect(text: string): void {
    if (!this.accept(text)) throw this.fail(`\`${text}\``)
  }

  /** `[A-Za-z_][A-Za-z0-9_]*` at the cursor, not consumed. */
  peekWord(): string | undefined {
    return this.match(/[A-Za-z_]\w*/y)
  }

  /** An identifier or a quoted string. */
  name(what = 'a name'): string {
    if (this.sees('"')) return this.quoted()
    const word = this.peekWord()
    if (word === undefined) throw this.fail(what)
    this.at += word.length
    return word
  }

  acceptWord(word: string): boolean {
    if (this.peekWord() !== word) return false
    this.at += word.length
    return true
  }

  seesName(): boolean {
    return this.sees('"') || this.peekWord() !== undefined
  }

  /** A string in double quotes; a backslash takes the next character as it is. */
  quoted(): string {
    const start = this.here()
    const text = this.match(/"(?:[^"\\]|\\[^])*"/y)
    if (text === undefined) throw this.fail('a string in double quotes')
    this.at = start + text.length
    return text.slice(1, -1).replace(/\\([^])/g, '$1')
  }

  /** A number, `inf`, `nan`, `true` or `false`. */
  literal(): Literal {
    const at = this.here()
    const text = this.match(
      /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity|nan)\b|true\b|false\b/iy,
    )
    if (text === undefined) throw this.fail('a number')
    this.at += text.length
    return { text, fail: (expected) => this.fail(expected, at) }
  }

  /** An integer. */
  integer(): string {
    const at = this.here()
    const { text } = this.literal()
    if (!/^[+-]?\d+$/.test(text)) throw this.fail('an integer', at)
    return text
  }

  /** `item (',' item)*` up to `close`, which is consumed; a trailing comma is allowed. */
  list<T>(close: string, item: () => T): T[] {
    const items: T[] = []
    while (!this.accept(close)) {
      items.push(item())
      if (!this.accept(',') && !this.sees(close)) throw this.fail(`\`,\` or \`${close}\``)
    }
    return items
  }

  /** Runs `parse` and goes back to where the cursor was. */
  ahead<T>(parse: () => T): T {
    const start = this.at
    const result = parse()
    this.at = start
    return result
  }

  private here(): number {
    const blanks = /(?:\s|#[^\n]*)*/y
    blanks.lastIndex = this.at
    this.at += blanks.exec(this.text)![0].length
    return this.at
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.here()
    return pattern.exec(this.text)?.[0]
  }
}
