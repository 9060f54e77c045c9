/** Groups of alike items, and names for them. */

/** Items with equal keys together, in order of first appearance. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return [...groups.values()]
}

/** A name without its numbers, equal for the same thing in every layer. */
export function withoutNumbers(name: string): string {
  return name.replace(/\d+/g, '#')
}

/** `h.{0..11}.attn`; the first name and how many there are, where they differ in more than numbers. */
export function pattern(names: readonly string[]): string {
  const split = names.map((name) => name.split(/(\d+)/))
  const [first] = split as [string[]]
  if (names.length === 1) return names[0]!
  const alike = split.every(
    (parts) => parts.length === first.length && parts.every((p, i) => i % 2 === 1 || p === first[i]),
  )
  if (!alike) return `${names[0]}, … (${names.length})`
  return first.map((part, i) => (i % 2 === 1 ? range(split.map((parts) => Number(parts[i]))) : part)).join('')
}

function range(numbers: readonly number[]): string {
  const all = [...new Set(numbers)].sort((a, b) => a - b)
  if (all.length === 1) return String(all[0])
  const [low, high] = [all[0]!, all.at(-1)!]
  return high - low === all.length - 1 ? `{${low}..${high}}` : `{${all.join(',')}}`
}
