/** The training thread's side of the data thread. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Batch, BatchSource, DataPosition } from '../../../../runtime/index.js'
import type { JobData, OpenData } from '../job.js'
import type { ResolvedSettings } from '../settings.js'
import { errorOf, type Failure } from './messages.js'

/** What the data thread is started with. */
export interface DataThreadData {
  readonly directory: string
  readonly settings: ResolvedSettings
  readonly out: string
  readonly position: DataPosition | null
}

/** To the data thread: a batch was taken, the validation set is wanted, or that was all. */
export type DataRequest = 'taken' | 'validate' | 'close'

/** From the data thread. A position is where the data stands after the batch. */
export type DataMessage =
  | { type: 'opened'; steps: number; description: string; position: DataPosition; hasValidation: boolean }
  | { type: 'train'; batch: Batch; position: DataPosition }
  | { type: 'validation'; batch: Batch; position: DataPosition }
  | { type: 'validated' }
  | { type: 'failed'; failure: Failure }

/** Opens the data in a thread of its own. */
export const openDataThread: OpenData = async (compiled, settings, out, position) => {
  const workerData: DataThreadData = { directory: compiled.directory, settings, out, position }
  const worker = new Worker(new URL('./data-thread.js', import.meta.url), { workerData })
  const client = new DataClient(worker)
  const opened = await client.opened()
  return client.data(opened)
}

type Opened = Extract<DataMessage, { type: 'opened' }>
type Delivered = Extract<DataMessage, { type: 'train' | 'validation' }>

class DataClient {
  private readonly train = new Inbox<Delivered>()
  private readonly validation = new Inbox<Delivered | null>()
  private readonly start = new Inbox<Opened>()
  private position: DataPosition | undefined

  constructor(private readonly worker: Worker) {
    worker.on('message', (message: DataMessage) => this.receive(message))
    worker.on('error', (error) => this.fail(error))
  }

  opened(): Promise<Opened> {
    return this.start.take()
  }

  data({ steps, description, position, hasValidation }: Opened): JobData {
    this.position = position
    const source: BatchSource = {
      next: () => this.next(),
      position: () => this.position!,
      seek: () => {
        throw new Error('the data thread was opened at its position')
      },
    }
    const validation = hasValidation ? () => this.validate() : undefined
    return { train: source, steps, description, validation, close: () => this.close() }
  }

  private async next(): Promise<Batch> {
    const { batch, position } = await this.train.take()
    this.request('taken')
    this.position = position
    return batch
  }

  private async *validate(): AsyncGenerator<Batch> {
    this.request('validate')
    for (let got = await this.validation.take(); got !== null; got = await this.validation.take())
      yield got.batch
  }

  private async close(): Promise<void> {
    const exited = once(this.worker, 'exit')
    this.request('close')
    await exited
  }

  private request(request: DataRequest): void {
    this.worker.postMessage(request)
  }

  private receive(message: DataMessage): void {
    if (message.type === 'opened') this.start.put(message)
    else if (message.type === 'train') this.train.put(message)
    else if (message.type === 'validation') this.validation.put(message)
    else if (message.type === 'validated') this.validation.put(null)
    else this.fail(errorOf(message.failure))
  }

  private fail(error: unknown): void {
    for (const inbox of [this.start, this.train, this.validation]) inbox.fail(error)
  }
}

/** Messages that have come, and who waits for the next. */
class Inbox<T> {
  private readonly waiting: { resolve: (value: T) => void; reject: (error: unknown) => void }[] = []
  private readonly ready: T[] = []
  private failure: { error: unknown } | undefined

  put(value: T): void {
    const first = this.waiting.shift()
    if (first) first.resolve(value)
    else this.ready.push(value)
  }

  /** Whoever waits, now or later, gets the error once what came before it is taken. */
  fail(error: unknown): void {
    this.failure = { error }
    for (const { reject } of this.waiting.splice(0)) reject(error)
  }

  take(): Promise<T> {
    if (this.ready.length > 0) return Promise.resolve(this.ready.shift()!)
    if (this.failure) return Promise.reject(this.failure.error as Error)
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }))
  }
}
