/** The thread that reads data: batches are ready before the training asks for them. */
import { parentPort, workerData } from 'node:worker_threads'
import { openCompiled, type Batch, type HostTensor } from '../../../../runtime/index.js'
import { prepareData, type PreparedData } from '../data.js'
import type { DataMessage, DataRequest, DataThreadData } from './data-client.js'
import { failureOf } from './messages.js'

/** Batches that may wait to be taken. */
const AHEAD = 4

const { directory, settings, out, position } = workerData as DataThreadData
const send = (message: DataMessage, transfer: ArrayBuffer[] = []): void =>
  parentPort!.postMessage(message, transfer)

/** Hands a batch over without a copy, unless its arrays are views of something larger. */
function sendBatch(
  type: 'train' | 'validation',
  batch: Batch,
  at: ReturnType<PreparedData['train']['position']>,
): void {
  const tensors = [...Object.values(batch.inputs), ...(batch.labels ? [batch.labels] : [])]
  const own = (t: HostTensor): boolean => t.data.byteLength === t.data.buffer.byteLength
  const buffers = new Set(tensors.filter(own).map((t) => t.data.buffer as ArrayBuffer))
  send({ type, batch, position: at }, [...buffers])
}

/** Sends training batches as long as fewer than AHEAD wait; each `taken` lets one more be made. */
async function serve(data: PreparedData): Promise<void> {
  if (position) data.train.seek(position)
  send({
    type: 'opened',
    steps: data.steps,
    description: data.description,
    position: data.train.position(),
    hasValidation: data.validation !== undefined,
  })
  let credit = AHEAD
  let busy = Promise.resolve()
  const fill = async (): Promise<void> => {
    for (; credit > 0; credit--) {
      const batch = await data.train.next()
      sendBatch('train', batch, data.train.position())
    }
  }
  const validate = async (): Promise<void> => {
    for await (const batch of data.validation!())
      sendBatch('validation', batch, position ?? data.train.position())
    send({ type: 'validated' })
  }
  const queue = (work: () => Promise<void>): void => {
    busy = busy.then(work).catch((error: unknown) => send({ type: 'failed', failure: failureOf(error) }))
  }
  parentPort!.on('message', (request: DataRequest) => {
    if (request === 'close') return parentPort!.close()
    if (request === 'validate') return queue(validate)
    credit++
    queue(fill)
  })
  queue(fill)
}

try {
  await serve(await prepareData(openCompiled(directory), settings, out))
} catch (error) {
  send({ type: 'failed', failure: failureOf(error) })
}
