/**
 * Kills a training at random moments and resumes it, over and over: no kill may cost more than the steps since the last
 * checkpoint, none may leave a directory that cannot be resumed, and the losses must be those of an uninterrupted run.
 *
 *     node dist/bench/kill.js <model> <data> [kills] [more flags of dropbp-train]
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is to be trained, and how often it is killed. */
export interface KillOptions {
  /** The built command line. */
  cli: string
  /** Flags of `dropbp-train`: model, data and steps among them. */
  flags: readonly string[]
  kills: number
  log?: (text: string) => void
}

/** What came of it. */
export interface KillResult {
  kills: number
  /** Kills before the process did a step, and afterwards. */
  before: number
  during: number
  /** The most steps that a kill cost. */
  lost: number
  steps: number
}

interface Attempt {
  killed: boolean
  /** Steps that were done at the start; undefined where the process did not get so far. */
  done?: number
  losses: Map<number, number>
  /** Steps of the checkpoints that were reported. */
  saved: number[]
  stderr: string
}

/** Milliseconds after the first step within which the process is killed. */
const WINDOW = 400
/** Share of the kills that come at any time after the start of the process, its first step not awaited. */
const EARLY = 0.2

/** @throws Error where a kill lost more than it may, or a resumed loss differs */
export async function killAndResume({ cli, flags, kills, log = () => {} }: KillOptions): Promise<KillResult> {
  const root = mkdtempSync(path.join(tmpdir(), 'dropbp-kill-'))
  try {
    const whole = await attempt(cli, [...flags, '--out', path.join(root, 'whole')])
    const steps = Math.max(...whole.losses.keys())
    log(`uninterrupted: ${steps} steps`)
    const out = path.join(root, 'killed')
    const result: KillResult = { kills: 0, before: 0, during: 0, lost: 0, steps }
    let reached = 0
    let saved = 0
    for (let finished = false; !finished;) {
      const start = saved > 0 ? '--resume' : '--force'
      const tried = await attempt(cli, [...flags, '--out', out, start], result.kills < kills)
      if (!tried.killed && tried.losses.size === 0 && tried.done !== steps)
        throw new Error(`could not be resumed after ${result.kills} kills: ${tried.stderr}`)
      if (tried.done !== undefined && tried.done < saved)
        throw new Error(
          `resumed at step ${tried.done}, though a checkpoint of step ${saved} had been reported`,
        )
      if (tried.done !== undefined) result.lost = Math.max(result.lost, reached - tried.done)
      for (const [step, loss] of tried.losses)
        if (loss !== whole.losses.get(step))
          throw new Error(`step ${step}: loss ${loss}, uninterrupted ${whole.losses.get(step)}`)
      reached = Math.max(tried.done ?? 0, ...tried.losses.keys())
      saved = Math.max(saved, ...tried.saved)
      finished = !tried.killed
      if (tried.killed) {
        result.kills++
        result[tried.saved.length > 0 || tried.losses.size > 0 ? 'during' : 'before']++
        // One that has come to its end starts anew: the directory is made for another round.
        log(`kill ${result.kills}: at step ${reached}, last checkpoint ${saved}`)
      } else if (result.kills < kills) {
        finished = false
        saved = reached = 0
      }
    }
    return result
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** One process, killed at a random moment where asked. */
function attempt(cli: string, flags: readonly string[], kill = false): Promise<Attempt> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...flags, '--json', '--no-export'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const result: Attempt = { killed: false, losses: new Map(), saved: [], stderr: '' }
    const killSoon = (): void => {
      setTimeout(() => child.kill('SIGKILL'), Math.random() * WINDOW)
      kill = false
    }
    if (kill && Math.random() < EARLY) setTimeout(killSoon, Math.random() * 1000)
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) {
        const event = JSON.parse(line) as { type: string; step: number; loss: number; done: number }
        if (event.type === 'start') result.done = event.done
        if (event.type === 'step') result.losses.set(event.step, event.loss)
        if (event.type === 'checkpoint') result.saved.push(event.step)
        if (event.type === 'step' && kill) killSoon()
      }
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (result.stderr += text))
    child.on('error', reject)
    child.on('close', (_code, signal) => resolve({ ...result, killed: signal === 'SIGKILL' }))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [model, data, kills = '50', ...more] = process.argv.slice(2)
  if (model === undefined || data === undefined) throw new Error('name a model and its data')
  const cli = fileURLToPath(new URL('../src/cli/dropbp-train.js', import.meta.url))
  const flags = [model, '--data', data, ...more]
  const result = await killAndResume({ cli, flags, kills: Number(kills), log: console.log })
  console.log(
    `${result.kills} kills (${result.before} before the first step): at most ${result.lost} steps lost, every loss as uninterrupted`,
  )
}
