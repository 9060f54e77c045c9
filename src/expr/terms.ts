/** The normal form of an expression: a sum of monomials, and how it is printed. */

/** Coefficients by monomial: the product of its factors (sorted atom names, repeated for powers). */
export type Terms = ReadonlyMap<string, number>

const SEPARATOR = '*'

/** The monomial that is the product of atoms. */
export function joinKey(atoms: readonly string[]): string {
  return [...atoms].sort().join(SEPARATOR)
}

/** Splits a term's key into atoms; `*` inside parentheses belongs to an opaque atom. */
export function splitKey(key: string): string[] {
  if (key === '') return []
  if (!key.includes('(')) return key.split(SEPARATOR)
  const atoms: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i <= key.length; i++) {
    if (i === key.length || (key[i] === SEPARATOR && depth === 0)) {
      atoms.push(key.slice(start, i))
      start = i + 1
    } else if (key[i] === '(') depth++
    else if (key[i] === ')') depth--
  }
  return atoms
}

/** A product without some of its factors; undefined where one of them is not in it. */
export function removeAtoms(from: string[], remove: string[]): string[] | undefined {
  const rest = [...from]
  for (const atom of remove) {
    const at = rest.indexOf(atom)
    if (at < 0) return undefined
    rest.splice(at, 1)
  }
  return rest
}

/** Whether a monomial is a product of several atoms. */
export function isProduct(key: string): boolean {
  return key.includes(SEPARATOR)
}

/** `2*batch*seq^2 + 1`, highest degree first. */
export function print(terms: Terms): string {
  if (terms.size === 0) return '0'
  const parts = [...terms].sort(([a], [b]) => splitKey(b).length - splitKey(a).length || (a < b ? -1 : 1))
  return parts
    .map(([key, x], i) => (i === 0 ? '' : x < 0 ? ' - ' : ' + ') + printTerm(key, i === 0 ? x : Math.abs(x)))
    .join('')
}

function printTerm(key: string, coefficient: number): string {
  const atoms = splitKey(key)
  if (atoms.length === 0) return String(coefficient)
  const factors: string[] = []
  for (const atom of new Set(atoms)) {
    const power = atoms.filter((a) => a === atom).length
    factors.push(power === 1 ? atom : `${atom}^${power}`)
  }
  const body = factors.join(SEPARATOR)
  return coefficient === 1 ? body : coefficient === -1 ? `-${body}` : `${coefficient}*${body}`
}
