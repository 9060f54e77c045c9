/** Where a command writes, and how text looks there. */
import Table from 'cli-table3'
import pc from 'picocolors'

/** A stream and whether a person watches it. */
export interface Sink {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

/** The two streams of a command. */
export interface Console {
  readonly out: Sink
  readonly err: Sink
}

export type Colors = ReturnType<typeof pc.createColors>

/** Colours on a terminal, unless NO_COLOR asks for none. */
export function colorsFor(sink: Sink, env: NodeJS.ProcessEnv = process.env): Colors {
  const wanted = sink.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  return pc.createColors(wanted || Boolean(env['FORCE_COLOR'] && !env['NO_COLOR']))
}

/** A column: its head, and which way its cells lean. */
export interface Column {
  head: string
  align?: 'left' | 'right'
}

/** A table with a rule under its head and no other lines. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  colors: Colors,
): string {
  const none = Object.fromEntries(BORDERS.map((name) => [name, '']))
  const made = new Table({
    chars: { ...none, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: columns.map((c) => c.align ?? 'left'),
  })
  made.push(
    columns.map((c) => colors.dim(c.head)),
    ...rows.map((row) => [...row]),
  )
  return made
    .toString()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n')
}

const BORDERS = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right',
  'left',
  'left-mid',
  'mid',
  'mid-mid',
  'right',
  'right-mid',
]

const UNITS = ['', 'k', 'M', 'G', 'T', 'P', 'E']

/** `124.4 M`: three or four digits and a unit. */
export function human(n: number): string {
  const power = n < 1000 ? 0 : Math.min(Math.floor(Math.log10(n) / 3), UNITS.length - 1)
  const scaled = n / 1000 ** power
  const text = power === 0 ? String(Math.round(scaled * 100) / 100) : scaled.toFixed(scaled < 100 ? 1 : 0)
  return power === 0 ? text : `${text} ${UNITS[power]}`
}

/** `1 site`, `2 sites`. */
export function plural(n: number, word: string): string {
  return `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`
}
