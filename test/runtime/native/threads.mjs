// Sessions in several threads of one process, and threads that end while theirs run. Arguments: runtime, model, what to do.
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL, URL } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

const [runtime, model, what] = isMainThread ? process.argv.slice(2) : workerData
const { openSession } = await import(pathToFileURL(runtime).href)

/** One element of the result of a graph of matrix products. */
async function run(n, session) {
  const own = session ?? (await openSession(model, { backend: 'native', threads: 2, spin: false }))
  const x = {
    dtype: 'float32',
    shape: [n, n],
    data: Float32Array.from({ length: n * n }, (_, i) => Math.sin(i)),
  }
  const { y } = await own.run({ x }, { y: null })
  return y.data[n]
}

const print = (results) => process.stdout.write(JSON.stringify(results))
const worker = (task) => new Worker(new URL(import.meta.url), { workerData: [runtime, model, task] })
const message = (thread) =>
  new Promise((resolve, reject) => thread.on('message', resolve).on('error', reject))
const exit = (thread) => new Promise((resolve) => thread.on('exit', resolve))

/** What the main thread does, and a worker for it. */
const tasks = {
  async together() {
    const workers = [worker('answer'), worker('answer'), worker('answer')]
    const results = await Promise.all([run(300), ...workers.map(message)])
    print(results)
  },
  async answer() {
    for (let i = 0; i < 5; i++) await run(200)
    parentPort.postMessage(await run(300))
  },
  // threads end without releasing their sessions; the library and the process go on
  async forgotten() {
    for (let i = 0; i < 3; i++) await exit(worker('answer'))
    await sleep(200)
    print([await run(300)])
  },
  async terminated() {
    for (let i = 0; i < 3; i++) {
      const thread = worker('endless')
      await message(thread)
      await sleep(50)
      await thread.terminate()
    }
    print([await run(300)])
  },
  async endless() {
    const session = await openSession(model, { backend: 'native', threads: 2, spin: false })
    parentPort.postMessage('running')
    for (;;) await run(900, session)
  },
  async exits() {
    void run(900)
    await sleep(100)
    print([])
    process.exit(7)
  },
}

await tasks[what]()
