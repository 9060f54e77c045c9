/** All records and times as one table of numbers: results.json. */
import { bundle, firstReach, interpolate, pairedSpread, spread, type Point, type Spread } from './analysis.js'
import { readLines } from './lines.js'
import type { Places } from './places.js'
import type { PretrainingLine } from './pretrain.js'
import { readRecord, type RunRecord } from './record.js'
import {
  ALL_KEPT,
  configurationName,
  dropping,
  lengthened,
  runName,
  shortened,
  type Configuration,
  type Settings,
} from './settings.js'
import { readTiming, type Timing } from './timing.js'

/** What a point of a curve can be drawn over. */
export const AXES = ['step', 'seconds', 'gflops'] as const
export type Axis = (typeof AXES)[number]

/** A point of the curve of mean validation losses. */
export type CurvePoint = Record<Axis, number> & { loss: Spread }

/** A configuration, over its seeds. */
export interface Row {
  configuration: Configuration
  curve: CurvePoint[]
  /** Validation loss at the end. */
  loss: Spread
  /** The differences to rate 0's loss at the end, seed by seed: at equal steps. */
  difference: Spread
  /** To what rate 0 comes to in as much time and with as many FLOPs; null where it was not trained that shortly. */
  atEqualTime: Spread | null
  atEqualGflops: Spread | null
  /** Mean share of the branches' backward FLOPs that was dropped. */
  dropped: number
  /** Of the whole training, in that of rate 0. */
  gflops: number
  seconds: number
  /** A step's time in that of rate 0, with quartiles; null where it was not taken on its own. */
  stepTime: { ratio: number; quartiles: [number, number] } | null
  /** The same for as many steps as fit into rate 0's FLOPs; null at rate 0. */
  longer: Longer | null
}

/** A configuration trained for more steps than rate 0, over its seeds. */
export interface Longer {
  curve: CurvePoint[]
  loss: Spread
  /** To rate 0's loss at the end, seed by seed. */
  difference: Spread
  /** Of the whole training, in those of rate 0. */
  steps: number
  gflops: number
  seconds: number
  /** Share of rate 0's time after which the mean loss is at rate 0's final one; null where it never is. */
  reaches: number | null
}

export interface Results {
  settings: Settings
  timing: Timing
  /** Validation losses of pretraining. */
  pretraining: { step: number; loss: number }[]
  rows: Row[]
}

/** Reads all records. @throws Error where one is missing */
export function collect(places: Places, settings: Settings): Results {
  const timing = readTiming(places)
  const measured = (configuration: Configuration): Measured =>
    measure(places, settings, timing, configuration)
  const kept = measured(ALL_KEPT)
  const budgets = [...shortened(settings).map(measured), kept].sort(
    (a, b) => last(a, 0).step - last(b, 0).step,
  )
  const others = dropping(settings).map((configuration) => ({
    ...rowOf(measured(configuration), kept, budgets, timing),
    longer: longerOf(measured(lengthened(settings, configuration)), kept),
  }))
  return {
    settings,
    timing,
    pretraining: readLines<PretrainingLine>(places.pretraining).flatMap((line) =>
      'validation' in line ? [{ step: line.step, loss: line.validation }] : [],
    ),
    rows: [
      rowOf(kept, kept, budgets, timing),
      ...others,
      ...budgets.slice(0, -1).map((m) => rowOf(m, kept, budgets, timing)),
    ],
  }
}

/** The validation curves of a configuration, one a seed. */
interface Measured {
  configuration: Configuration
  records: RunRecord[]
  curves: (Record<Axis, number> & { loss: number })[][]
}

function measure(
  places: Places,
  { seeds }: Settings,
  timing: Timing,
  configuration: Configuration,
): Measured {
  const records = seeds.map((seed) => readRecord(places.run(runName({ ...configuration, seed }))))
  const { milliseconds } = timing.steps[configurationName({ ...configuration, share: 1 })]!
  const curves = records.map(({ validation, measuredAt }) =>
    validation.map((point) => {
      const measurement = measuredAt !== null && point.step > measuredAt ? timing.sensitivity : 0
      return { ...point, seconds: (point.step * milliseconds + measurement) / 1e3 }
    }),
  )
  return { configuration, records, curves }
}

function rowOf(measured: Measured, kept: Measured, budgets: readonly Measured[], timing: Timing): Row {
  const { configuration, records, curves } = measured
  const time = timing.steps[configurationName(configuration)]
  const loss = spread(finals(measured))
  const curve = curveOf(curves)
  const whole = curveOf(kept.curves).at(-1)!
  return {
    configuration,
    curve,
    loss,
    difference: pairedSpread(finals(measured), finals(kept)),
    atEqualTime: atEqual('seconds', measured, budgets),
    atEqualGflops: atEqual('gflops', measured, budgets),
    dropped: spread(records.map((record) => record.dropped)).mean,
    gflops: curve.at(-1)!.gflops / whole.gflops,
    seconds: curve.at(-1)!.seconds / whole.seconds,
    stepTime: time ? { ratio: time.ratio, quartiles: time.quartiles } : null,
    longer: null,
  }
}

function longerOf(measured: Measured, kept: Measured): Longer {
  const curve = curveOf(measured.curves)
  const whole = curveOf(kept.curves).at(-1)!
  const reached = firstReach(
    curve.map((p) => ({ x: p.seconds, y: p.loss.mean })),
    whole.loss.mean,
  )
  return {
    curve,
    loss: spread(finals(measured)),
    difference: pairedSpread(finals(measured), finals(kept)),
    steps: curve.at(-1)!.step / whole.step,
    gflops: curve.at(-1)!.gflops / whole.gflops,
    seconds: curve.at(-1)!.seconds / whole.seconds,
    reaches: reached === null ? null : reached / whole.seconds,
  }
}

const last = ({ curves }: Measured, i: number) => curves[i]!.at(-1)!

const finals = (measured: Measured): number[] => measured.curves.map((_, i) => last(measured, i).loss)

function curveOf(curves: Measured['curves']): CurvePoint[] {
  const over = (axis: Axis) =>
    bundle(curves.map((curve) => curve.map((p): Point => ({ x: p[axis], y: p.loss }))))
  const [steps, seconds, gflops] = AXES.map(over) as [ReturnType<typeof over>, ...ReturnType<typeof over>[]]
  return steps.map((p, i) => ({ step: p.x, seconds: seconds![i]!.x, gflops: gflops![i]!.x, loss: p.y }))
}

/**
 * Differences to rate 0 on the same budget, seed by seed. The line through the final losses of its trainings of several lengths,
 * each with a whole schedule, tells what a budget between them comes to; over the budget's logarithm, since over the budget
 * itself losses fall in a curve below that line.
 */
function atEqual(axis: Axis, measured: Measured, budgets: readonly Measured[]): Spread | null {
  const bought = measured.curves.map((_, i) => {
    const points = budgets.map((budget): Point => {
      const end = last(budget, i)
      return { x: Math.log(end[axis]), y: end.loss }
    })
    return interpolate(points, Math.log(last(measured, i)[axis]))
  })
  return bought.some((loss) => loss === null) ? null : pairedSpread(finals(measured), bought as number[])
}
