/** Gradient rules of operators that could have one and do not. */
import { CompileError } from '../../errors.js'
import type { GradRule } from '../../op.js'

const refusals = new WeakMap<GradRule, string>()

/** A gradient rule that throws `no-gradient` when it is asked for, with what to do instead. */
export function refused(instead: string): GradRule {
  const rule: GradRule = (node) => {
    throw new CompileError(
      'no-gradient',
      `${node.qualifiedOp} (node "${node.name}") lies between a trainable parameter and the loss and has no gradient rule; ${instead}`,
    )
  }
  refusals.set(rule, instead)
  return rule
}

/** What to do instead, where a rule is a refusal. */
export function refusalOf(rule: GradRule | 'none'): string | undefined {
  return rule === 'none' ? undefined : refusals.get(rule)
}
