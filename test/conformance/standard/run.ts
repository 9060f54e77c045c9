/**
 * Checks the operator cases of the ONNX standard's backend test-suite, which the `onnx` package brings along.
 *
 *     PYTHON=.venv/bin/python npx tsx test/conformance/standard/run.ts [pattern]
 *
 * Writes results.json; with a pattern over case names, prints what comes out of those and leaves the results of the others.
 * Exits with 1 where a case fails, comes out worse than in the results before, or an operator of the standard is neither
 * defined nor refused for a reason.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { standardOps } from '../../../src/ops/index.js'
import { whyUndefined } from '../../../src/ops/undefined.js'
import { missingPython, python } from '../../python/python.js'
import { readCases, readSchemas, type Schema } from './cases.js'
import { checkCase } from './check.js'
import { Opsets } from './opsets.js'
import { isOk, statusOf, type Outcome, type Result, type Results } from './result.js'

const RESULTS = path.join(import.meta.dirname, 'results.json')
const CHECKS = ['type', 'forward', 'gradient'] as const
/** The share of the differentiable cases whose gradients have to be right. */
const SHARE = 0.95

async function run(pattern: string | undefined): Promise<boolean> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'standard-'))
  try {
    python(path.join(import.meta.dirname, 'write_cases.py'), folder)
    const schemas = readSchemas(folder)
    const found = await checkAll(folder, new Opsets(schemas), pattern)
    if (pattern !== undefined) print(found)
    const before = existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')) as Results) : undefined
    const results = pattern === undefined ? found : { ...found, cases: { ...before?.cases, ...found.cases } }
    writeFileSync(RESULTS, serialise(results))
    const problems = [...complaints(results, before), ...undefinedOperators(schemas)]
    for (const problem of problems) console.log(`standard: ${problem}`)
    console.log(`standard: ${summary(results)}`)
    return problems.length === 0
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function checkAll(folder: string, opsets: Opsets, pattern = ''): Promise<Results> {
  const { onnx, cases } = readCases(folder)
  const chosen = cases.filter(({ name }) => new RegExp(pattern).test(name))
  const found: Record<string, Result> = {}
  for (const [i, item] of chosen.entries()) {
    found[item.name] = await checkCase(item, opsets)
    if ((i + 1) % 200 === 0) console.log(`standard: ${i + 1} of ${chosen.length} cases`)
  }
  return { onnx, cases: found }
}

function print({ cases }: Results): void {
  for (const [name, result] of Object.entries(cases)) console.log(name, JSON.stringify(result, null, 2))
}

/** What is wrong with the results. */
function complaints(results: Results, before: Results | undefined): string[] {
  const found: string[] = []
  for (const [name, result] of Object.entries(results.cases))
    for (const check of CHECKS) {
      const outcome = result[check]
      const was = before?.onnx === results.onnx ? before.cases[name]?.[check] : undefined
      if (statusOf(outcome) === 'failed') found.push(`${name}: ${check} failed: ${reasonOf(outcome)}`)
      else if (was === 'ok' && outcome !== 'ok')
        found.push(`${name}: ${check} was right before: ${reasonOf(outcome)}`)
    }
  const { right, all } = tally(results, 'gradient')
  if (right < SHARE * all) found.push(`only ${right} of ${all} differentiable cases have right gradients`)
  return found
}

function reasonOf(outcome: Outcome): string {
  return outcome === 'ok' ? '' : outcome.reason
}

/** Operators of the standard that are neither defined nor refused with a reason; those that vanish on reading need neither. */
function undefinedOperators(schemas: readonly Schema[]): string[] {
  const names = new Set(standardOps.names)
  const current = new Set(new Opsets(schemas).supported)
  const others = schemas.filter((s) => s.domain !== '').map((s) => `${s.domain}::${s.name}`)
  return [...current, ...new Set(others)]
    .filter((name) => !names.has(name) && !READ_AWAY.has(name) && !whyUndefined(name))
    .map((name) => `${name} has neither a definition nor a reason why not`)
}

/** What the canonical form has none of. */
const READ_AWAY: ReadonlySet<string> = new Set(['Constant', 'SequenceMap'])

function tally({ cases }: Results, check: (typeof CHECKS)[number]): { right: number; all: number } {
  const outcomes = Object.values(cases)
    .map((r) => r[check])
    .filter((o) => !['none', 'outside'].includes(statusOf(o)))
  return { right: outcomes.filter(isOk).length, all: outcomes.length }
}

function summary(results: Results): string {
  const shares = CHECKS.map((check) => {
    const { right, all } = tally(results, check)
    return `${check} ${right} of ${all}`
  })
  return `onnx ${results.onnx}, ${Object.keys(results.cases).length} cases: ${shares.join(', ')}`
}

/** One case a line. */
function serialise({ onnx, cases }: Results): string {
  const lines = Object.entries(cases).map(([name, r]) => `    ${JSON.stringify(name)}: ${JSON.stringify(r)}`)
  return `{\n  "onnx": ${JSON.stringify(onnx)},\n  "cases": {\n${lines.join(',\n')}\n  }\n}\n`
}

const missing = process.env.PYTHON ? missingPython('onnx', 'numpy') : 'PYTHON is not set'
if (missing) console.log(`standard: skipped: ${missing}`)
else process.exitCode = (await run(process.argv[2])) ? 0 : 1
