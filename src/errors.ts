/** Coded errors: what went wrong, where, expected and got, and what to do about it. */

/** Which exit code a command line answers with: 1 model, 2 usage, 3 input/output. */
export type ErrorClass = 'model' | 'usage' | 'io'

/** An expected failure with a stable code; its message is meant for the person who runs the program. */
export class DropBPError extends Error {
  override readonly name: string = 'DropBPError'

  /**
   * @param code stable, kebab-case, e.g. `not-onnx`
   * @param message what, where, expected and got, what to do
   */
  constructor(
    readonly code: string,
    message: string,
    readonly kind: ErrorClass = 'model',
    options?: ErrorOptions,
  ) {
    super(message, options)
  }

  /** `code: message`, the form that command lines print. */
  describe(): string {
    return `${this.code}: ${this.message}`
  }
}

/** The model cannot be compiled as asked. */
export class CompileError extends DropBPError {
  override readonly name = 'CompileError'
}

/** An input or output failed: missing file, full disk, refused path. */
export class IOError extends DropBPError {
  override readonly name = 'IOError'

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(code, message, 'io', options)
  }
}

/** A flag or an option is wrong. */
export class UsageError extends DropBPError {
  override readonly name = 'UsageError'

  constructor(code: string, message: string) {
    super(code, message, 'usage')
  }
}

/** Failures of parts that do not depend on each other, so that all of them are told at once. */
export class Problems {
  private readonly found: CompileError[] = []

  /**
   * Runs a part and keeps its CompileError.
   * @returns whether there was none
   */
  attempt(part: () => void): boolean {
    try {
      part()
      return true
    } catch (error) {
      if (!(error instanceof CompileError)) throw error
      if (!this.found.some((other) => other.message === error.message)) this.found.push(error)
      return false
    }
  }

  /** @throws CompileError the only one, or one with the code of the first that lists all */
  throwAny(): void {
    const [first, ...others] = this.found
    if (!first) return
    if (others.length === 0) throw first
    const list = this.found.map((error) => `\n  ${error.describe()}`).join('')
    throw new CompileError(first.code, `${this.found.length} problems:${list}`, 'model', { cause: first })
  }
}

/** The exit code of a command that failed with `error`. */
export function exitCode(error: unknown): number {
  if (!(error instanceof DropBPError)) return 1
  return { model: 1, usage: 2, io: 3 }[error.kind]
}

/** A bug in this project, never the user's fault. */
export function unreachable(message: string): never {
  throw new Error(`internal error: ${message}`)
}
