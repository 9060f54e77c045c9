/** Time of a step of every configuration: they take turns in one process, so that whatever else the machine does hits all alike. */
import { readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { Batches, DropBPHandler, openCompiled, Trainer } from '../../runtime/index.js'
import { machine } from '../machine.js'
import { median, quantile } from '../statistics.js'
import type { Places } from './places.js'
import { readRecord } from './record.js'
import {
  ALL_KEPT,
  CLIP_NORM,
  configurationName,
  dropping,
  RULES,
  runName,
  WEIGHT_DECAY,
  type Configuration,
  type Settings,
} from './settings.js'
import { fineTuningText } from './texts.js'

/** Milliseconds of a configuration's steps, and their ratio to the step of rate 0 in the same round. */
export interface StepTime {
  milliseconds: number
  ratio: number
  /** Lower and upper quartile of the ratio. */
  quartiles: [number, number]
}

export interface Timing {
  machine: string
  threads: number
  rounds: number
  /** The system's load when the timing began, the average over a minute. */
  load: number
  /** By the configuration's name. */
  steps: Record<string, StepTime>
  /** Milliseconds of the official measurement of sensitivities. */
  sensitivity: number
}

const THREADS = 2
const WARM_UP = 3
/** Rounds in which the sensitivities are measured besides. */
const MEASUREMENTS = 5

/** Takes the times and writes them down. */
export async function takeTimes(places: Places, settings: Settings): Promise<void> {
  const load = os.loadavg()[0]!
  const configurations = [ALL_KEPT, ...dropping(settings)]
  const rivals = configurations.map((c) => new Rival(places, settings, c))
  const trainers = {
    plain: await openTrainer(places, 'uniform'),
    observing: await openTrainer(places, 'online'),
  }
  const { manifest } = trainers.plain.compiled
  const { batch } = settings.fineTuning
  const data = new Batches(manifest, fineTuningText(settings.shape.positions).train, { batch, seed: 0 })
  const rounds: number[][] = []
  const measurements: number[] = []
  for (let round = -WARM_UP; round < settings.rounds; round++) {
    const batches = [data.next()]
    const times: number[] = []
    for (const i of rotated(rivals.length, round)) {
      const rival = rivals[i]!
      const trainer = rival.observes ? trainers.observing : trainers.plain
      const { milliseconds } = await trainer.trainStep(batches, [rival.draw(round)])
      times[i] = milliseconds
    }
    if (round >= 0) rounds.push(times)
    if (round < 0 || round >= MEASUREMENTS) continue
    const start = performance.now()
    await trainers.plain.assignRates(batches[0]!)
    measurements.push(performance.now() - start)
  }
  await Promise.all(Object.values(trainers).map((trainer) => trainer.release()))
  const names = configurations.map(configurationName)
  const timing: Timing = {
    machine: machine(),
    threads: THREADS,
    rounds: settings.rounds,
    load,
    steps: Object.fromEntries(names.map((name, i) => [name, stepTime(rounds, i)])),
    sensitivity: median(measurements),
  }
  writeFileSync(places.timing, `${JSON.stringify(timing, null, 2)}\n`)
}

export function readTiming(places: Places): Timing {
  return JSON.parse(readFileSync(places.timing, 'utf8')) as Timing
}

/** A configuration's masks, drawn from the rates that its fine-tunings ended with, one after the other. */
class Rival {
  readonly observes: boolean
  private readonly handlers: DropBPHandler[]

  constructor(places: Places, settings: Settings, configuration: Configuration) {
    const { policy, rates } = RULES[configuration.rule]
    this.observes = rates === 'online'
    const { manifest } = openCompiled(places.pretrainedCompiled)
    this.handlers = settings.seeds.map((seed) => {
      const handler = new DropBPHandler(manifest, { dropRate: configuration.rate, policy, seed })
      handler.setDims({ batch: settings.fineTuning.batch, seq: settings.shape.positions })
      const assigned = readRecord(places.run(runName({ ...configuration, seed }))).rates
      if (assigned) handler.setDropRates(assigned)
      return handler
    })
  }

  draw(round: number): readonly boolean[] {
    const { length } = this.handlers
    return this.handlers[(round + length * WARM_UP) % length]!.setDroppedLayers()
  }
}

/** Far from its end, so that neither rates nor the learning rate change; what is learned does not matter. */
function openTrainer({ pretrainedCompiled }: Places, rates: 'uniform' | 'online'): Promise<Trainer> {
  return Trainer.open(pretrainedCompiled, {
    steps: 1e6,
    learningRate: 1e-6,
    clipNorm: CLIP_NORM,
    hyperparameters: { weight_decay: WEIGHT_DECAY },
    rates,
    session: { threads: THREADS },
  })
}

/** 0 … n − 1, begun at another place in every round: nobody always comes after the same one. */
function rotated(n: number, round: number): number[] {
  const start = ((round % n) + n) % n
  return Array.from({ length: n }, (_, i) => (start + i) % n)
}

/** Of the configuration at place `i`; rate 0 is at place 0. */
function stepTime(rounds: readonly (readonly number[])[], i: number): StepTime {
  const ratios = rounds.map((times) => times[i]! / times[0]!)
  return {
    milliseconds: median(rounds.map((times) => times[i]!)),
    ratio: median(ratios),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
  }
}
