/** Tables of everything that was measured in a directory. */
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { markdownTable, median, megabytes, quantile } from '../statistics.js'
import { cellName, shapeName, TITLES, type Cell } from './cells.js'
import type { Compilation } from './prepare.js'
import {
  isMeasured,
  readJson,
  readPairings,
  type Measured,
  type Pairing,
  type Places,
  type Use,
} from './record.js'
import type { Roofline } from './roofline.js'
import { ALL_VARIANTS, variantOf } from './variants.js'

/** Pairings of a cell with the same base. */
interface Compared {
  cell: Cell
  base: string
  pairings: Pairing[]
}

type Present = Pairing & { result: Measured }

const NOTHING = '–'

/**
 * The report in markdown.
 * @throws Error where nothing was measured
 */
export function renderReport(places: Places): string {
  const pairings = readPairings(places)
  if (pairings.length === 0) throw new Error(`${places.directory} has no measurements: leave --report away`)
  const peakOf = (cell: Cell): number | undefined => {
    const file = places.roofline(cell)
    return existsSync(file) ? readJson<Roofline>(file).peak : undefined
  }
  const compared = compare(pairings)
  const parts = [
    ...conditions(pairings),
    ...basesOf(compared).flatMap((base) => summary(compared.filter((c) => c.base === base))),
    ...groupBy(compared, ({ cell, base }) => `${heading(cell)}, base ${base}`).flatMap(([title, cells]) => [
      `### ${title}`,
      detail(cells, peakOf),
    ]),
    ...absences(pairings),
    ...compilations(places),
    ...rooflines(compared, places),
  ]
  return `${parts.join('\n\n')}\n`
}

function compare(pairings: readonly Pairing[]): Compared[] {
  const groups = groupBy(pairings, ({ cell, base }) => `${cellName(cell)} ${base}`)
  const compared = groups.map(([, own]): Compared => {
    const { cell, base } = own[0]!
    return { cell, base, pairings: [...own].sort((a, b) => rank(a.rival) - rank(b.rival)) }
  })
  const key = ({ cell, base }: Compared): string =>
    [base, cell.model, cell.mode, String(cell.batch).padStart(6, '0'), cell.rate.toFixed(3)].join(' ')
  return compared.sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** The order that the variants are listed in; what is not listed comes last. */
function rank(variant: string): number {
  const at = (ALL_VARIANTS as readonly string[]).indexOf(variant)
  return at < 0 ? ALL_VARIANTS.length : at
}

function conditions(pairings: readonly Pairing[]): string[] {
  const { setting } = pairings[0]!
  const present = pairings.filter(isPresent)
  const counts = [...new Set(present.map((p) => p.result.rounds.length))].sort((a, b) => a - b)
  const loads = pairings.map((p) => p.load)
  const names = [...new Set(pairings.flatMap((p) => [p.base, p.rival]))].sort((a, b) => rank(a) - rank(b))
  const size =
    setting.size === 'tiny' ? ' Models of two layers, which are of no use but to try the benchmark.' : ''
  return [
    `${[...new Set(pairings.map((p) => p.machine))].join('; ')}. ${setting.threads} threads, ${counts.join(' or ')} rounds, load of the machine before each group of processes ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}. Base: ${[...new Set(pairings.map((p) => p.backend))].join('; ')}.${size}`,
    names.map((name) => `- **${name}**: ${variantOf(name).about}`).join('\n'),
  ]
}

/** One table for all cells with a base: its time over each rival's. */
function summary(cells: readonly Compared[]): string[] {
  const { base } = cells[0]!
  const rivals = [...new Set(cells.flatMap((c) => c.pairings.map((p) => p.rival)))].sort(
    (a, b) => rank(a) - rank(b),
  )
  const rows = cells.map(({ cell, pairings }) => {
    const present = pairings.filter(isPresent)
    const ratios = rivals.map((name) => {
      const found = present.find((p) => p.rival === name)
      return found ? median(ratiosOf(found)).toFixed(2) : NOTHING
    })
    return [
      TITLES[cell.model],
      TITLES[cell.mode],
      shapeOf(cell),
      String(cell.rate),
      baseTime(present),
      ...ratios,
    ]
  })
  const head = ['model', 'mode', 'tokens', 'drop rate', `${base}, ms`, ...rivals.map((name) => `/ ${name}`)]
  return [
    `### Time of a step of ${base}, over that of each rival`,
    'Medians of paired rounds; below 1, the base is faster.',
    markdownTable(head, rows),
  ]
}

/** A row a rate and variant. */
function detail(cells: readonly Compared[], peakOf: (cell: Cell) => number | undefined): string {
  const rows = cells.flatMap(({ cell, base, pairings }) => {
    const present = pairings.filter(isPresent)
    if (present.length === 0) return []
    const peak = peakOf(cell)
    const own = present.flatMap((p) => p.result.rounds.map(({ base, flops }) => ({ ms: base.ms, flops })))
    const uses = present.map((p) => p.result.memory.base)
    const largest = uses.reduce((a, b) => (a.peak > b.peak ? a : b))
    const first = [String(cell.rate), percent(present[0]!.result.dropped), base]
    return [
      [...first, ...times(own.map((r) => r.ms)), '1', '', '', ...space(largest), ceiling(own, peak)],
      ...present.map((p) => rivalRow(p, peak)),
    ]
  })
  return markdownTable(
    [
      'drop rate',
      'backward dropped',
      'variant',
      'step, ms',
      'quartiles',
      'base / variant',
      'quartiles',
      'range',
      'peak, MB',
      'above empty process, MB',
      'roofline / step',
    ],
    rows,
  )
}

function rivalRow(pairing: Present, peak: number | undefined): string[] {
  const { rival, result } = pairing
  const steps = result.rounds.map(({ rival, flops }) => ({ ms: rival.ms, flops }))
  const ratios = ratiosOf(pairing)
  return [
    '',
    '',
    rival,
    ...times(steps.map((s) => s.ms)),
    median(ratios).toFixed(2),
    span(quantile(ratios, 0.25), quantile(ratios, 0.75)),
    span(Math.min(...ratios), Math.max(...ratios)),
    ...space(result.memory.rival),
    ceiling(steps, peak),
  ]
}

/** What the FLOPs would take at the measured rate of ONNX Runtime's matrix products, over what the step took. */
function ceiling(steps: readonly { ms: number; flops: number }[], peak: number | undefined): string {
  if (peak === undefined) return NOTHING
  return median(steps.map(({ ms, flops }) => ((flops / peak) * 1e3) / ms)).toFixed(2)
}

function absences(pairings: readonly Pairing[]): string[] {
  const absent = pairings.flatMap(({ cell, rival, result }) =>
    isMeasured(result) ? [] : [{ cell: cellName(cell), rival, why: result.absent }],
  )
  if (absent.length === 0) return []
  const reasons = groupBy(absent, ({ rival, why }) => `${rival}: ${why}`)
  const lines = reasons.map(([reason, of]) => `- ${reason} (${of.map(({ cell }) => cell).join(', ')})`)
  return ['### Absent', lines.join('\n')]
}

/** What the project's compiler took, and torch.compile. */
function compilations(places: Places): string[] {
  const own = existsSync(places.compilations)
    ? readdirSync(places.compilations)
        .filter((name) => name.endsWith('.json'))
        .map((name) => readJson<Compilation>(path.join(places.compilations, name)))
    : []
  const theirs = readPairings(places)
    .filter(isPresent)
    .flatMap(({ result }) => (result.prepared === undefined ? [] : [result.prepared]))
  const rows = own.map(({ name, seconds, peak }) => [name, seconds.toFixed(1), megabytes(peak)])
  const torch = `torch.compile, with a step for every mask, before the first timed one: ${theirs.length > 0 ? `${median(theirs).toFixed(0)} s (median of the cells)` : 'not measured'}.`
  return ['### Compilation', markdownTable(['dropbp-compile', 's', 'peak, MB'], rows), torch]
}

function rooflines(compared: readonly Compared[], places: Places): string[] {
  const files = [...new Map(compared.map(({ cell }) => [places.roofline(cell), cell])).entries()]
  const rows = files
    .filter(([file]) => existsSync(file))
    .map(([file, cell]) => {
      const { products, peak } = readJson<Roofline>(file)
      const rates = products.map((p) => p.gflops)
      const slowest = Math.min(...rates).toFixed(0)
      return [TITLES[cell.model], String(cell.batch * cell.seq), (peak / 1e9).toFixed(0), slowest]
    })
  return [
    "### Matrix products of the models' shapes in ONNX Runtime",
    markdownTable(['model', 'tokens', 'fastest (the roofline), GFLOP/s', 'slowest, GFLOP/s'], rows),
  ]
}

function isPresent(pairing: Pairing): pairing is Present {
  return isMeasured(pairing.result)
}

const ratiosOf = ({ result }: Present): number[] => result.rounds.map((r) => r.base.ms / r.rival.ms)

function baseTime(present: readonly Present[]): string {
  if (present.length === 0) return NOTHING
  return milliseconds(median(present.flatMap((p) => p.result.rounds.map((r) => r.base.ms))))
}

function times(ms: readonly number[]): string[] {
  return [milliseconds(median(ms)), `${milliseconds(quantile(ms, 0.25))}–${milliseconds(quantile(ms, 0.75))}`]
}

function space({ empty, peak }: Use): string[] {
  return [megabytes(peak), megabytes(peak - empty)]
}

const basesOf = (compared: readonly Compared[]): string[] => [...new Set(compared.map((c) => c.base))]
const shapeOf = (cell: Cell): string => shapeName(cell).replace('x', '×')
const heading = (cell: Cell): string => `${TITLES[cell.model]}, ${TITLES[cell.mode]}, ${shapeOf(cell)} tokens`
const percent = (share: number): string => `${(100 * share).toFixed(0)}%`
const span = (low: number, high: number): string => `${low.toFixed(2)}–${high.toFixed(2)}`
const milliseconds = (ms: number): string => ms.toFixed(ms < 100 ? 1 : 0)

function groupBy<T>(items: readonly T[], key: (item: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>()
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item])
  return [...groups]
}
