/** The thread that reads data. */
import { parentPort, workerData } from 'node:worker_threads'
import { failureOf } from '../../../src/failure.js'
import type { HostTensor } from '../../../src/host-tensor.js'
import type { Batch } from '../batch.js'
import { openData, type OpenData } from '../open.js'
import type { DataMessage, DataRequest, DataThreadData, Stream } from './messages.js'

const port = parentPort!
const { model, options } = workerData as DataThreadData
const send = (message: DataMessage, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)

/** Hands a batch over without a copy, unless its arrays are views of something larger. */
function buffersOf(batch: Batch): ArrayBuffer[] {
  const tensors = [...Object.values(batch.inputs), ...(batch.labels ? [batch.labels] : [])]
  const own = (t: HostTensor): boolean => t.data.byteLength === t.data.buffer.byteLength
  return [...new Set(tensors.filter(own).map((t) => t.data.buffer as ArrayBuffer))]
}

/** Answers requests in their order. */
class Server {
  private readonly numbers: Record<Stream, number> = { train: 0, validation: 0 }
  private validation: Iterator<Batch> | undefined

  constructor(private readonly data: OpenData) {}

  answer(request: DataRequest): void {
    if (request.type === 'count') return send({ type: 'counted', rows: this.data.train.rowsPerEpoch() })
    if (request.type === 'start') return this.start(request)
    if (request.type === 'close') {
      this.data.close()
      return port.close()
    }
    // What was asked for before a new start is not wanted any more.
    if (request.number !== this.numbers[request.stream]) return
    for (let i = 0; i < request.batches; i++)
      if (request.stream === 'train') this.sendTraining(request.number)
      else this.sendValidation(request.number)
  }

  private start({ stream, number, position }: Extract<DataRequest, { type: 'start' }>): void {
    this.numbers[stream] = number
    if (stream === 'validation') this.validation = this.data.validation!()[Symbol.iterator]()
    else if (position) this.data.train.seek(position)
  }

  private sendTraining(number: number): void {
    const { train } = this.data
    const batch = train.next()
    send({ type: 'batch', stream: 'train', number, batch, position: train.position() }, buffersOf(batch))
  }

  private sendValidation(number: number): void {
    const { value, done } = this.validation!.next()
    const batch = done ? null : value
    send({ type: 'batch', stream: 'validation', number, batch }, batch ? buffersOf(batch) : [])
  }
}

/** Tells the other side of what fails, instead of ending the thread. */
function guarded(work: () => void): void {
  try {
    work()
  } catch (error) {
    send({ type: 'failed', failure: failureOf(error) })
  }
}

try {
  const data = await openData(model, options)
  const server = new Server(data)
  port.on('message', (request: DataRequest) => guarded(() => server.answer(request)))
  const { examples, labels, description, train } = data
  const facts = { batchSize: train.batchSize, examples, description, position: train.position() }
  send({ type: 'opened', facts: { ...facts, labels: labels?.names ?? null } })
} catch (error) {
  send({ type: 'failed', failure: failureOf(error) })
}
