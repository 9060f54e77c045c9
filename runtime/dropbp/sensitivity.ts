/** How much each site matters: the official measurement, N + 1 passes over one sample. */
import type { Mask } from './presence.js'

/**
 * Squared gradient norms, one a parameter and zero where absent, of one fixed sample under a mask. It must not change
 * anything that training depends on.
 */
export type MeasureGradients = (mask: Mask) => Promise<readonly number[]>

/** S_l = Σ_parameters (‖g‖ − ‖g with only l dropped‖)², one for each of `sites` sites. */
export async function measureSensitivities(sites: number, measure: MeasureGradients): Promise<number[]> {
  const all = Array.from({ length: sites }, () => true)
  const reference = await measure(all)
  const sensitivities: number[] = []
  for (let dropped = 0; dropped < sites; dropped++) {
    const norms = await measure(all.map((_, i) => i !== dropped))
    sensitivities.push(reference.reduce((sum, g, p) => sum + (Math.sqrt(g) - Math.sqrt(norms[p]!)) ** 2, 0))
  }
  return sensitivities
}
