/** One of two long-lived processes that take turns: JSON lines in and out. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Memory } from './memory.js'

/** One forward and backward pass on the same tokens and mask for both rivals. */
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

export class Rival {
  private readonly replies: AsyncIterator<string>

  private constructor(
    readonly name: string,
    private readonly child: ChildProcess,
  ) {
    this.replies = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  /** @param environment what is added to this process's */
  static start(
    name: string,
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Rival {
    const env = { ...process.env, ...environment }
    return new Rival(name, spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env }))
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
    if (this.child.exitCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.stdin!.end()
    await exited
  }

  private async ask<T>(request: object): Promise<T> {
    this.child.stdin!.write(`${JSON.stringify(request)}\n`)
    const reply = await this.replies.next()
    if (reply.done) throw new Error(`${this.name} ended`)
    return JSON.parse(reply.value) as T
  }
}
