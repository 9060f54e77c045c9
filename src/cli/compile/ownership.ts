/** Which parameters lie inside a branch. */
import type { CompileContext } from '../../../passes/pass.js'

/** Names of the sites whose branch alone reads a parameter, by its name; several where branches are nested. */
export type Ownership = ReadonlyMap<string, readonly string[]>

/** Read off the regions of the branches; right after they are found, before passes rewrite what is inside. */
export function ownership({ parameters, sites }: CompileContext): Ownership {
  return new Map(
    parameters.map(({ name, value }) => {
      const readers = value.users
      const owners = sites.filter(
        ({ region }) => readers.length > 0 && readers.every((node) => region.has(node)),
      )
      return [name, owners.map((site) => site.name)]
    }),
  )
}
