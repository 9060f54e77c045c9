/** The figures of the report. */
import { percent as inPercent } from '../../../src/format.js'
import type { History, RunFacts, StepRecord } from '../history.js'
import { chart, type Point } from './chart.js'
import { heatMap, type Column } from './heat-map.js'
import { figure, legendOf } from './svg.js'

type Draw = (history: History, facts: RunFacts) => string

/** In order. A new figure is a function and a line here. */
export const FIGURES: readonly Draw[] = [
  loss,
  saved,
  dropped,
  assigned,
  sensitivities,
  time,
  memory,
  learningRate,
]

const percent = (x: number): string => inPercent(x, 0)

function points(history: History, value: (step: StepRecord) => number | null): Point[] {
  return history.steps.map((s) => ({ step: s.step, value: value(s) ?? NaN }))
}

function loss(history: History, { steps }: RunFacts): string {
  const validation = history.evaluations.map((e) => ({ step: e.step, value: e.loss }))
  const series = [
    { colour: 'blue', points: points(history, (s) => s.loss), noisy: true },
    { colour: 'orange', points: validation, dots: true },
  ]
  const body = chart(series, { steps, format: (x) => String(Number(x.toPrecision(4))) })
  const legend = legendOf([
    ['blue', 'training, smoothed; pale: what single steps had'],
    ['orange', 'validation'],
  ])
  return figure('Loss', 'Mean over the labels that count, by step.', body, legend)
}

function saved(history: History, { steps, dropRate }: RunFacts): string {
  const series = [
    { colour: 'green', points: points(history, (s) => s.backwardSkipped), noisy: true },
    { colour: 'violet', points: points(history, (s) => s.dropRate), noisy: true },
  ]
  const target = { value: dropRate, name: 'drop rate asked for' }
  const body = chart(series, { steps, from: 0, format: percent, target })
  const legend = legendOf([
    ['green', 'of the whole backward pass'],
    ['violet', "of the branches' backward"],
  ])
  return figure(
    'Backward FLOPs saved',
    'Share of the floating-point operations that were not done.',
    body,
    legend,
  )
}

/** Stretches that the heat map of masks is cut into. */
const STRETCHES = 60

function dropped({ steps: records }: History, { sites, steps }: RunFacts): string {
  const size = Math.ceil(records.length / STRETCHES)
  const columns: Column[] = []
  for (let i = 0; i < records.length; i += size) {
    const part = records.slice(i, i + size)
    const masks = part.flatMap((s) => s.masks)
    const values = sites.map((_, k) => masks.filter((mask) => mask[k] === '0').length / masks.length)
    columns.push({ from: part[0]!.step - 1, to: part.at(-1)!.step, values })
  }
  const body = heatMap(columns, { sites, steps, shade: (x) => x, format: (x) => `dropped in ${percent(x)}` })
  return figure(
    'Branches dropped',
    'Share of the passes that dropped a branch: the darker, the more often.',
    body,
  )
}

/** What each assignment used or gave, until the next one; of very many, as many as can be told apart. */
function assignments(
  { rates }: History,
  { steps }: RunFacts,
  values: (e: History['rates'][number]) => readonly number[] | null,
): Column[] {
  const every = Math.ceil(rates.length / STRETCHES)
  const shown = rates.filter((_, i) => i % every === 0)
  return shown.flatMap((event, i): Column[] => {
    const given = values(event)
    return given ? [{ from: event.step, to: shown[i + 1]?.step ?? steps, values: given }] : []
  })
}

function assigned(history: History, facts: RunFacts): string {
  const columns = assignments(history, facts, (e) => e.rates)
  if (columns.length === 0) return ''
  const first = columns[0]!.from
  if (first > 0) columns.unshift({ from: 0, to: first, values: facts.sites.map(() => facts.dropRate) })
  const options = { sites: facts.sites, steps: facts.steps, shade: (x: number) => x, format: percent }
  return figure(
    'Drop rates',
    'What each branch was assigned: the darker, the more often it is dropped.',
    heatMap(columns, options),
  )
}

function sensitivities(history: History, facts: RunFacts): string {
  const columns = assignments(history, facts, (e) => e.sensitivities)
  if (columns.length === 0) return ''
  const logs = columns.flatMap((c) => c.values.filter((x) => x > 0).map(Math.log10))
  const [low, high] = [Math.min(...logs), Math.max(...logs)]
  const shade = (x: number): number =>
    x > 0 && high > low ? (Math.log10(x) - low) / (high - low) : Number(x > 0)
  const body = heatMap(columns, {
    sites: facts.sites,
    steps: facts.steps,
    shade,
    format: (x) => x.toPrecision(3),
  })
  return figure(
    'Sensitivities',
    'How much dropping a branch changes the gradients, on a logarithmic scale: the darker, the more.',
    body,
  )
}

function time(history: History, { steps }: RunFacts): string {
  const series = [{ colour: 'blue', points: points(history, (s) => s.milliseconds / 1000), noisy: true }]
  const body = chart(series, { steps, from: 0, format: (x) => `${Number(x.toPrecision(3))} s` })
  return figure('Time of a step', 'Forward, backward and update, in seconds.', body)
}

function memory(history: History, { steps }: RunFacts): string {
  const series = [{ colour: 'violet', points: points(history, (s) => s.memory / 2 ** 20), noisy: true }]
  const body = chart(series, { steps, from: 0, format: (x) => `${x.toLocaleString('en')} MiB` })
  return figure('Memory', 'Resident memory of the process after each step.', body)
}

function learningRate(history: History, { steps }: RunFacts): string {
  const series = [{ colour: 'green', points: points(history, (s) => s.learningRate) }]
  const body = chart(series, { steps, from: 0, format: (x) => (x === 0 ? '0' : x.toExponential(1)) })
  return figure('Learning rate', 'Before factors of parameter groups.', body)
}
