/** One of several long-lived processes that take turns: JSON lines in and out. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Memory } from './memory.js'

/** One pass on the same tokens and mask for all rivals. */
export interface StepRequest {
  ids: number[][]
  keep: boolean[]
}

export interface StepReply {
  ms: number
  /** The optimizer's part of it, where it is told apart. */
  updateMs?: number
  loss: number
}

/** A process that ended before it was told to; the message says why, as far as it is known. */
export class RivalEnded extends Error {}

export class Rival {
  private readonly replies: AsyncIterator<string>
  /** The last line that it wrote to standard error. */
  private lastWords = ''

  private constructor(
    readonly name: string,
    private readonly child: ChildProcess,
  ) {
    this.replies = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    createInterface({ input: child.stderr! }).on('line', (line) => {
      if (line.trim() !== '') this.lastWords = line.trim()
    })
    // what is wrong shows when it is asked
    child.stdin!.on('error', () => {})
    child.on('error', (error) => (this.lastWords = error.message))
  }

  /** @param environment what is added to this process's */
  static start(
    name: string,
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Rival {
    const env = { ...process.env, ...environment }
    return new Rival(name, spawn(command, args, { stdio: 'pipe', env }))
  }

  step(request: StepRequest): Promise<StepReply> {
    return this.ask({ op: 'step', ...request })
  }

  memory(): Promise<Memory> {
    return this.ask({ op: 'memory' })
  }

  /** Starts a new peak and tells the memory at that moment. */
  reset(): Promise<Memory> {
    return this.ask({ op: 'reset' })
  }

  async stop(): Promise<void> {
    if (this.ended) return
    const exited = once(this.child, 'exit')
    this.child.stdin!.end()
    await exited
  }

  /**
   * Sends a request and waits for its reply.
   * @throws RivalEnded
   */
  async ask<T>(request: object): Promise<T> {
    this.child.stdin!.write(`${JSON.stringify(request)}\n`)
    const reply = await this.replies.next()
    if (!reply.done) return JSON.parse(reply.value) as T
    if (!this.ended && this.child.pid !== undefined) await once(this.child, 'close')
    const how = this.child.signalCode ?? `exit code ${this.child.exitCode}`
    throw new RivalEnded(`${this.name} ended (${how}): ${this.lastWords || 'it said nothing'}`)
  }

  private get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null || this.child.pid === undefined
  }
}
