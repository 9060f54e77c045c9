/** Which gradients a mask leaves present. */
import type { Manifest, ParameterSpec } from '../../src/manifest.js'

/** One bool a site, in the manifest's order; false drops the site's backward. */
export type Mask = readonly boolean[]

/** A parameter that the training graph takes as an input. */
export type TrainableSpec = ParameterSpec & { input: string; gradient: string }

/** Trainable parameters in the manifest's order. */
export function trainableParameters(manifest: Pick<Manifest, 'parameters'>): TrainableSpec[] {
  return manifest.parameters.filter((p): p is TrainableSpec => p.trainable)
}

/** Tells for every trainable parameter whether its gradient is present under a mask. */
export class Presence {
  private readonly conditions: readonly number[][][]
  private readonly sites: number

  constructor(manifest: Pick<Manifest, 'parameters' | 'sites'>) {
    this.sites = manifest.sites.length
    const index = new Map(manifest.sites.map((site, i) => [site.name, i]))
    this.conditions = trainableParameters(manifest).map((p) =>
      p.presentWhen.map((all) => all.map((s) => index.get(s)!)),
    )
  }

  /** One bool a trainable parameter: any of its conjunctions of sites is kept. */
  under(mask: Mask): boolean[] {
    return this.conditions.map((any) => any.some((all) => all.every((site) => mask[site])))
  }

  /** For each trainable parameter and site, whether dropping that site alone takes the gradient away. */
  owners(): boolean[][] {
    return this.conditions.map((any) =>
      Array.from(
        { length: this.sites },
        (_, site) => any.length > 0 && any.every((all) => all.includes(site)),
      ),
    )
  }

  /** Whether anything at all is trained under a mask. */
  trains(mask: Mask): boolean {
    return this.conditions.some((any) => any.some((all) => all.every((site) => mask[site])))
  }
}
