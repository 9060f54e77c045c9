/** Values of flags. @throws UsageError `bad-value` */
import type { CompileOptions } from '../../../passes/pass.js'
import { UsageError } from '../../errors.js'
import type { SiteKind } from '../../manifest.js'
import { didYouMean } from '../suggest.js'
import { EVERY_PASS, KINDS, LOSSES, PASS_NAMES, type Flag } from './flag-table.js'

/** One of a few words. */
export function oneOf<T extends string>(flag: Flag, given: string, allowed: readonly T[]): T {
  if ((allowed as readonly string[]).includes(given)) return given as T
  throw new UsageError(
    'bad-value',
    `--${flag} ${given}: expected ${allowed.join(', ')}${didYouMean(given, allowed)}`,
  )
}

/** `<kind>` or `<kind>:<output>`. */
export function parseLoss(text: string): CompileOptions['loss'] {
  const [, given, output] = /^([^:]*)(?::(.*))?$/s.exec(text)!
  const kind = oneOf('loss', given!, LOSSES)
  if (output === '') {
    throw new UsageError('bad-value', `--loss ${text}: name the output, --loss ${kind}:<name>`)
  }
  return output === undefined ? { kind } : { kind, output }
}

/** A share below 1. */
export function parseShare(flag: Flag, given: number): number {
  if (given >= 0 && given < 1) return given
  throw new UsageError('bad-value', `--${flag} ${given}: expected a number from 0 to below 1`)
}

/** `attention,mlp`, or `all`. */
export function parseKinds(text: string | undefined): SiteKind[] {
  if (text === undefined) return []
  const kinds = text.split(',')
  return kinds.includes('all') ? [...KINDS] : kinds.map((kind) => oneOf('recompute', kind, KINDS))
}

/** A pass, or all of them. */
export function passNames(given: string): string[] {
  return given === EVERY_PASS ? PASS_NAMES : [oneOf('print-after', given, PASS_NAMES)]
}

/** `batch=4,seq=1024`. */
export function parseDims(text: string | undefined): Record<string, number> {
  const dims: Record<string, number> = {}
  for (const item of text?.split(',') ?? []) {
    const [, name, size] = /^([^=]+)=([1-9]\d*)$/.exec(item.trim()) ?? []
    if (name === undefined)
      throw new UsageError('bad-value', `--at ${text}: expected <dimension>=<size>, got "${item}"`)
    dims[name] = Number(size)
  }
  return dims
}
