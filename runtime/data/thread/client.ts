/** Data that is read, tokenised and made into batches in a thread of its own, ahead of the training. */
import { once } from 'node:events'
import fs from 'node:fs'
import { Worker } from 'node:worker_threads'
import { errorOf } from '../../../src/failure.js'
import type { Batch } from '../batch.js'
import type { BatchSource, DataPosition } from '../batch-source.js'
import { LabelMap } from '../labels.js'
import { openData, type OpenData } from '../open.js'
import type { DataModel, DataOptions } from '../options.js'
import { Inbox } from './inbox.js'
import type { DataFacts, DataMessage, DataRequest, DataThreadData, Stream } from './messages.js'

/** Data as `openData` gives it, but that batches come from a thread. */
export interface ThreadedData extends Pick<OpenData, 'examples' | 'labels' | 'description'> {
  /** Its position is that of the batches that were taken. A position that it refuses is told by `next`. */
  readonly train: BatchSource
  /** Rows of a batch. */
  readonly batchSize: number
  /** Rows of an epoch; with packing, about as many. */
  rowsPerEpoch(): Promise<number>
  readonly validation: (() => AsyncIterable<Batch>) | undefined
  close(): Promise<void>
}

export interface ThreadOptions {
  /** Where the training part starts. */
  position?: DataPosition | null
  /** Batches that may wait to be taken. */
  ahead?: number
}

const AHEAD = 4

/**
 * Opens data in a thread of its own: batches are made while the training computes. Close it when done.
 * @throws what `openData` throws
 */
export async function openDataInThread(
  model: DataModel,
  options: DataOptions,
  { position = null, ahead = AHEAD }: ThreadOptions = {},
): Promise<ThreadedData> {
  const file = new URL('./worker.js', import.meta.url)
  // Run from its TypeScript sources, the package has no file that a thread could be started with.
  if (!fs.existsSync(file)) return here(await openData(model, options), position)
  const { inputs, loss, parameters } = model
  const workerData: DataThreadData = { model: { inputs, loss, parameters }, options }
  const thread = new DataThread(new Worker(file, { workerData }), ahead)
  try {
    return await thread.open(position)
  } catch (error) {
    await thread.close()
    throw error
  }
}

function here(data: OpenData, position: DataPosition | null): ThreadedData {
  if (position) data.train.seek(position)
  const { train, validation, examples, labels, description } = data
  return {
    ...{ train, examples, labels, description },
    batchSize: train.batchSize,
    rowsPerEpoch: () => Promise.resolve(train.rowsPerEpoch()),
    validation:
      validation &&
      async function* () {
        yield* validation()
      },
    close: () => Promise.resolve(data.close()),
  }
}

type Delivered<S extends Stream> = Extract<DataMessage, { type: 'batch'; stream: S }>

class DataThread {
  private readonly opened = new Inbox<DataFacts>()
  private readonly counted = new Inbox<number>()
  private readonly batches = {
    train: new Inbox<Delivered<'train'>>(),
    validation: new Inbox<Delivered<'validation'>>(),
  }
  private readonly numbers: Record<Stream, number> = { train: 0, validation: 0 }
  private readonly exited: Promise<unknown>
  private position: DataPosition | undefined
  private waiting = 0

  constructor(
    private readonly worker: Worker,
    private readonly ahead: number,
  ) {
    this.exited = once(worker, 'exit').catch(() => undefined)
    worker.on('message', (message: DataMessage) => this.receive(message))
    worker.on('error', (error) => this.fail(error))
    worker.on('exit', () => this.fail(new Error('the data thread has ended')))
    // Whoever forgets to close the data is not kept from ending.
    worker.unref()
  }

  async open(position: DataPosition | null): Promise<ThreadedData> {
    const facts = await this.waitFor(this.opened)
    this.seek(position ?? facts.position)
    const { batchSize, examples, labels, description } = facts
    return {
      ...{ batchSize, examples, description },
      labels: labels ? new LabelMap(labels) : undefined,
      train: {
        next: () => this.next(),
        position: () => this.position!,
        seek: (to) => this.seek(to),
      },
      rowsPerEpoch: () => {
        this.request({ type: 'count' })
        return this.waitFor(this.counted)
      },
      validation: examples.validation > 0 ? () => this.validate() : undefined,
      close: () => this.close(),
    }
  }

  async close(): Promise<void> {
    this.worker.ref()
    this.request({ type: 'close' })
    await this.exited
  }

  private async next(): Promise<Batch> {
    const { batch, position } = await this.take('train', this.batches.train)
    this.position = position
    return batch
  }

  private seek(position: DataPosition): void {
    this.start('train', position)
    this.position = position
  }

  private async *validate(): AsyncGenerator<Batch> {
    this.start('validation', null)
    const next = () => this.take('validation', this.batches.validation)
    for (let got = await next(); got.batch; got = await next()) yield got.batch
  }

  /** Begins a stream anew; what comes of an earlier start is passed over. */
  private start(stream: Stream, position: DataPosition | null): void {
    const number = ++this.numbers[stream]
    this.batches[stream].clear()
    this.request({ type: 'start', stream, number, position })
    this.request({ type: 'more', stream, number, batches: this.ahead })
  }

  private async take<S extends Stream>(stream: S, inbox: Inbox<Delivered<S>>): Promise<Delivered<S>> {
    const delivered = await this.waitFor(inbox)
    this.request({ type: 'more', stream, number: delivered.number, batches: 1 })
    return delivered
  }

  /** The process does not end while somebody waits. */
  private async waitFor<T>(inbox: Inbox<T>): Promise<T> {
    this.waiting++
    this.worker.ref()
    try {
      return await inbox.take()
    } finally {
      if (--this.waiting === 0) this.worker.unref()
    }
  }

  private request(request: DataRequest): void {
    this.worker.postMessage(request)
  }

  private receive(message: DataMessage): void {
    if (message.type === 'opened') this.opened.put(message.facts)
    else if (message.type === 'counted') this.counted.put(message.rows)
    else if (message.type === 'failed') this.fail(errorOf(message.failure))
    else if (message.number === this.numbers[message.stream]) this.deliver(message)
  }

  private deliver(message: Delivered<Stream>): void {
    if (message.stream === 'train') this.batches.train.put(message)
    else this.batches.validation.put(message)
  }

  private fail(error: unknown): void {
    for (const inbox of [this.opened, this.counted, this.batches.train, this.batches.validation])
      inbox.fail(error)
  }
}
