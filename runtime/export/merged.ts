/** Weights that an exporter merged because they were equal, told apart again. */
import { DropBPError } from '../../src/errors.js'
import { Node, type Use, type Value } from '../../src/ir.js'
import type { ParameterSpec } from '../../src/manifest.js'
import type { Tensor } from '../../src/tensor.js'

/** Gives the reads of one of several parameters that an exporter merged an initializer of their own. */
export function splitOff(value: Value, spec: ParameterSpec, data: Tensor): void {
  const readers = new Set(spec.source.uses)
  const uses = usesOf(value).filter(({ user }) => user instanceof Node && readers.has(user.name))
  if (uses.length === 0) {
    throw new DropBPError(
      'shared-initializer',
      `parameter "${spec.name}": its initializer "${value.name}" holds several parameters, and the manifest does not say who reads this one; compile the model again`,
    )
  }
  const own = value.owner!.addInitializer(spec.name, data)
  own.type = value.type
  for (const { user, index } of uses) (user as Node).setInput(index, own)
  for (const { user } of usesOf(value).reverse()) {
    if (isIdentity(user) && user.output().uses.size === 0) user.graph!.removeNode(user)
  }
  if (value.uses.size === 0) value.owner!.removeInitializer(value)
}

/** Uses of a value, and of what Identity nodes make of it: the TorchScript exporter merges equal weights by such nodes. */
function usesOf(value: Value): Use[] {
  const found = [...value.uses]
  for (const { user } of found) if (isIdentity(user)) found.push(...user.output().uses)
  return found
}

function isIdentity(user: Use['user']): user is Node {
  return user instanceof Node && user.op === 'Identity' && user.domain === ''
}
