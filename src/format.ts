/** Numbers in words, as reports and command lines print them. */

/** `12.3%` */
export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)}%`
}
