/** Rules of further operators, from a module that the user wrote. */
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { IOError, UsageError } from '../../errors.js'
import type { OpDef, OpTable } from '../../op.js'
import { standardOps } from '../../ops/index.js'

/**
 * The standard table with the rules of a module's default export, `{ 'domain::Operator': { infer, grad, … } }`.
 * @throws IOError `missing-file`, UsageError `bad-rules`
 */
export async function tableWith(file: string): Promise<OpTable> {
  if (!fs.existsSync(file)) throw new IOError('missing-file', `there is no file ${file}`)
  const wrong = (what: string): UsageError => new UsageError('bad-rules', `--rules ${file}: ${what}`)
  let rules: unknown
  try {
    const module = (await import(pathToFileURL(path.resolve(file)).href)) as { default?: unknown }
    rules = module.default
  } catch (error) {
    throw wrong(`the module cannot be loaded: ${(error as Error).message}`)
  }
  if (typeof rules !== 'object' || rules === null)
    throw wrong("expected a default export like { 'domain::Operator': { infer, grad } }")
  for (const [name, rule] of Object.entries(rules)) {
    const missing = whatIsMissing(rule)
    if (missing) throw wrong(`"${name}" lacks ${missing}`)
  }
  return standardOps.with(rules as Record<string, OpDef>)
}

function whatIsMissing(rule: unknown): string | undefined {
  const { infer, grad } = (rule ?? {}) as Record<string, unknown>
  if (typeof infer !== 'function') return 'a type rule, `infer`'
  return typeof grad === 'function' || grad === 'none' ? undefined : "a gradient rule, `grad` (or 'none')"
}
