/** Errors on their way from one thread to another, which loses their classes. */
import { DropBPError, type ErrorClass } from './errors.js'

/** An error that can be sent. */
export interface Failure {
  code?: string
  kind?: ErrorClass
  message: string
  stack?: string
}

/** An error as it is sent. */
export function failureOf(error: unknown): Failure {
  if (error instanceof DropBPError) return { code: error.code, kind: error.kind, message: error.message }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return { message, stack }
}

/** The error that was sent. */
export function errorOf({ code, kind, message, stack }: Failure): Error {
  if (code !== undefined) return new DropBPError(code, message, kind)
  return Object.assign(new Error(message), stack === undefined ? {} : { stack })
}
