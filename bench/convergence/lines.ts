/** Files of JSON lines that grow while a training runs. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** The complete lines of a file; none where there is no file. A line that a crash cut off is left out. */
export function readLines<T>(file: string): T[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T)
}

export function writeLines(file: string, lines: readonly unknown[]): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, lines.map(lineOf).join(''))
}

export function appendLine(file: string, line: unknown): void {
  appendFileSync(file, lineOf(line))
}

/** Losses and shares need no sixteen digits. */
function lineOf(line: unknown): string {
  const short = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value
  return `${JSON.stringify(line, short)}\n`
}
