/** Backward FLOPs of the sites at the dimensions of the data. */
import { UsageError } from '../../src/errors.js'
import { evaluateExpr } from '../../src/expr.js'
import type { Manifest } from '../../src/manifest.js'
import type { Mask } from './presence.js'

/** Evaluates the manifest's FLOPs; the dimensions have to be told first. */
export class BackwardCosts {
  private flops: { sites: number[]; total: number } | undefined

  constructor(private readonly manifest: Pick<Manifest, 'sites' | 'flops'>) {}

  setDims(dims: Readonly<Record<string, number>>): void {
    this.flops = {
      sites: this.manifest.sites.map((site) => evaluateExpr(site.flops.backward, dims)),
      total: evaluateExpr(this.manifest.flops.backward, dims),
    }
  }

  /**
   * Backward FLOPs of each site, and of the whole graph.
   * @throws UsageError `unbound-dimension`
   */
  get present(): { readonly sites: readonly number[]; readonly total: number } {
    if (this.flops) return this.flops
    throw new UsageError(
      'unbound-dimension',
      'the dimensions of the data are not known yet: call setDims before drawing masks',
    )
  }

  /** Of the sites that a mask drops, of all sites, of the whole graph. */
  of(mask: Mask): { dropped: number; sites: number; total: number } {
    const { sites, total } = this.present
    const sum = (wanted: (i: number) => boolean): number =>
      sites.reduce((n, f, i) => n + (wanted(i) ? f : 0), 0)
    return { dropped: sum((i) => !mask[i]), sites: sum(() => true), total }
  }
}
