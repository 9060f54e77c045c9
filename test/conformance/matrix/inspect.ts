/** What a manifest alone tells: branches, their kinds, names and layers. */
import type { Manifest } from '../../../src/index.js'
import type { Row, Table } from './table.js'

/** What is known about a cell; it is right where there are no problems. */
export type Findings = Pick<Row, 'sites' | 'named' | 'worst'> & {
  problems: string[]
  /** What the file that was exported lacks, for all that it computes the right thing. */
  remarks: string[]
}

/** The name of the network within the module that was exported. */
const PREFIX = 'net.'

/** A name without the module around the network. */
export function plain(name: string): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name
}

/** Compares the sites with the table's branches. Where a tool dropped scopes, a site may be called after a module further out, or by its number. */
export function inspect({ sites }: Manifest, { branches }: Table, isTool: boolean): Findings {
  const problems: string[] = []
  if (sites.length !== branches.length) {
    const found = sites.map((s) => s.name).join(', ')
    problems.push(`${sites.length} sites instead of ${branches.length}: ${found}`)
  } else {
    branches.forEach(({ kind, name }, i) => {
      const site = plain(sites[i]!.name).replace(/#\d+$/, '')
      const isLess = name.startsWith(`${site}.`) || /^layer\.\d+\.[a-z-]+$/.test(site)
      const isNamed = site === name || (isTool && isLess)
      if (sites[i]!.kind !== kind) problems.push(`${site} is ${sites[i]!.kind}, not ${kind}`)
      if (!isNamed) problems.push(`site ${i} is called ${site}, not ${name}`)
    })
  }
  problems.push(...miscounted(sites, isTool))
  return { sites: { expected: branches.length, found: sites.length }, problems, remarks: [] }
}

/** Sites of a stack that are alike are in layers 0, 1, 2, …, as PyTorch numbers them or goes through them. */
function miscounted(sites: Manifest['sites'], isTool: boolean): string[] {
  if (isTool) return []
  const next = new Map<string, number>()
  return sites.flatMap(({ name, layer }) => {
    const alike = name.replace(/#\d+$/, '').replace(/\d+/g, '0')
    const expected = next.get(alike) ?? 0
    next.set(alike, expected + 1)
    return layer === expected ? [] : [`${plain(name)} is in layer ${layer}, not ${expected}`]
  })
}
