/** Recognises what exporters decompose, and makes it one operator with a compact gradient. */
import type { CompileContext, Pass } from './pass.js'

export const raise: Pass = {
  name: 'raise',
  purpose: 'Makes one operator of each decomposed attention, normalisation and activation.',
  needs: 'The canonical form, every value typed.',
  leaves: 'The same function; composite operators of com.dropbp among the standard ones.',
  run(_ctx: CompileContext): void {},
}
