/** One line on a terminal that says what is being done. */
import { colorsFor, type Sink } from '../console.js'

/** Shows the current step; silent where nobody watches. */
export class Progress {
  private readonly dim: (text: string) => string
  private shown = false

  constructor(private readonly sink: Sink) {
    this.dim = colorsFor(sink).dim
  }

  show(text: string): void {
    if (!this.sink.isTTY) return
    const width = (this.sink.columns ?? 80) - 1
    this.sink.write(`\r\x1b[K${this.dim(text.slice(0, width))}`)
    this.shown = true
  }

  /** Takes the line away. */
  clear(): void {
    if (this.shown) this.sink.write('\r\x1b[K')
    this.shown = false
  }
}
