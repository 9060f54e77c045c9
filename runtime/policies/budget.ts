import type { Random } from '../random.js'
import type { MaskPolicy } from './policy.js'

/**
 * Keeps site `i` with probability exactly 1 − rate_i, and Σ flops·kept of every single pass within one site's FLOPs of its
 * expectation Σ flops·(1 − rate): the cube method of balanced sampling (Deville and Tillé 2004) with FLOPs as the balancing
 * variable. Two undecided sites at a time exchange probability in proportion to their FLOPs, by a fair (martingale) step that
 * decides one of them; the last undecided site is decided by its remaining probability.
 */
export const exactBudget: MaskPolicy = ({ rates, flops, random }) => {
  const keep = rates.map((rate) => 1 - rate)
  const undecided: number[] = []
  for (const i of random.permutation(keep.length)) {
    if (flops[i]! > 0) undecided.push(i)
    else keep[i] = random.uniform() < keep[i]! ? 1 : 0
  }
  let open: number | undefined
  for (const i of undecided) {
    if (isDecided(keep[i]!)) continue
    if (open === undefined) {
      open = i
      continue
    }
    exchange(keep, flops, open, i, random)
    open = [open, i].find((site) => !isDecided(keep[site]!))
  }
  if (open !== undefined) keep[open] = random.uniform() < keep[open]! ? 1 : 0
  return keep.map((k) => k > 0.5)
}

/** Moves probability between sites `a` and `b` without changing the expected FLOPs, until one of them is decided. */
function exchange(keep: number[], flops: readonly number[], a: number, b: number, random: Random): void {
  const [fa, fb] = [flops[a]!, flops[b]!]
  // In FLOPs: how much a may gain at b's cost, and the reverse.
  const up = Math.min((1 - keep[a]!) * fa, keep[b]! * fb)
  const down = Math.min(keep[a]! * fa, (1 - keep[b]!) * fb)
  const moved = random.uniform() * (up + down) < down ? up : -down
  keep[a] = snap(keep[a]! + moved / fa)
  keep[b] = snap(keep[b]! - moved / fb)
}

const TINY = 1e-12

function snap(p: number): number {
  return p < TINY ? 0 : p > 1 - TINY ? 1 : p
}

function isDecided(p: number): boolean {
  return p === 0 || p === 1
}
