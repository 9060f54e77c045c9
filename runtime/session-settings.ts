/** What every backend's sessions have in common: their settings, how feeds are looked up, and how failures are told. */
import { DropBPError } from '../src/errors.js'
import type { HostTensor } from '../src/host-tensor.js'
import type { SessionOptions } from './session.js'

/**
 * Settings that are the same everywhere. A memory pattern is traced on the first step and does not fit branches that change
 * from step to step. Failures are thrown with their message; the log would repeat them.
 */
export const COMMON = { memoryPattern: false, arena: true, logSeverity: 4, interOpThreads: 1 } as const

/** ONNX Runtime's configuration entries by their keys. */
export function configEntries(options: SessionOptions): Record<string, string> {
  return {
    'session.disable_prepacking': options.prepack === false ? '1' : '0',
    'session.force_spinning_stop': '1',
    'session.intra_op.allow_spinning': options.spin === false ? '0' : '1',
  }
}

/** The feed of an input. @throws DropBPError `missing-input` */
export function feedOf(name: string, feeds: Readonly<Record<string, HostTensor>>, file: string): HostTensor {
  const tensor = feeds[name]
  if (tensor) return tensor
  throw new DropBPError(
    'missing-input',
    `${file}: input "${name}" is not fed; given: ${Object.keys(feeds).slice(0, 8).join(', ')}`,
    'usage',
  )
}

/** A failure of ONNX Runtime as a coded error. */
export function sessionFailure(file: string, what: string, error: unknown): DropBPError {
  if (error instanceof DropBPError) return error
  const reason = (error as Error).message.trim()
  const hint = /indices element out of data bounds|out of range/i.test(reason)
    ? '; a token or a position lies beyond a table of the model: is the sequence longer than its positions?'
    : ''
  return new DropBPError('session-failed', `${file} ${what}: ${reason}${hint}`, 'model', { cause: error })
}
