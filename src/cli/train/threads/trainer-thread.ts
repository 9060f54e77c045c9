/** The thread that trains: ONNX Runtime blocks it, so the main thread stays free for signals and the terminal. */
import { parentPort, workerData } from 'node:worker_threads'
import { failureOf } from '../../../failure.js'
import { runJob } from '../job.js'
import type { Reporter } from '../reporter.js'
import {
  stopSignal,
  type Ending,
  type Report,
  type TrainerMessage,
  type TrainerThreadData,
} from './messages.js'

const { command, stop } = workerData as TrainerThreadData
const send = (message: TrainerMessage): void => parentPort!.postMessage(message)

const forward =
  <K extends keyof Reporter>(call: K) =>
  (...args: Parameters<Reporter[K]>): void =>
    send({ type: 'report', report: { call, args } as Report })

const reporter: Reporter = {
  start: forward('start'),
  event: forward('event'),
  note: forward('note'),
  interrupted: forward('interrupted'),
  done: forward('done'),
  close: forward('close'),
}

async function work(): Promise<Ending> {
  try {
    return {
      outcome: await runJob(command, { reporter, signal: stopSignal(stop) }),
    }
  } catch (error) {
    return { failure: failureOf(error) }
  }
}

send({ type: 'end', result: await work() })
