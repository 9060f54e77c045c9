/** The contract of a policy: it draws masks, that is, which sites keep their backward in one pass. */
import type { SiteSpec } from '../../src/manifest.js'
import type { Random } from '../random.js'

/** What policies can be told beside rates. */
export interface PolicyOptions {
  /** Optimizer steps for which a policy that draws whole blocks holds its choice. */
  readonly period?: number
  /** Whether a site is frozen, for static freezing. */
  readonly frozen?: (site: SiteSpec) => boolean
}

/** What a policy draws from. Sites are in execution order throughout. */
export interface DrawRequest {
  readonly sites: readonly SiteSpec[]
  /** Drop rate of each site. */
  readonly rates: readonly number[]
  /** Backward FLOPs of each site. */
  readonly flops: readonly number[]
  /** Optimizer steps done so far, and the steps of the whole training. */
  readonly step: number
  readonly steps: number
  /** Masks drawn so far. */
  readonly pass: number
  /** Moves on with every draw; its state is in the checkpoints. */
  readonly random: Random
  /** The generator number `n` of this training, always at its start: for choices that outlast a pass. */
  readonly stream: (n: number) => Random
  /** Whether a mask leaves any parameter with a gradient. */
  readonly trains: (mask: readonly boolean[]) => boolean
  readonly options: PolicyOptions
}

/**
 * Draws one mask: true keeps a site's backward. What a policy needs to know from pass to pass it derives from `step` and
 * `stream`, so that a resumed training draws what an uninterrupted one draws.
 */
export type MaskPolicy = (request: DrawRequest) => boolean[]

/** Optimizer steps for which blocks are held unless told otherwise. */
export const PERIOD = 20

/** Sites of one transformer block: neighbours in execution order with the same layer number. */
export function blocksOf(sites: readonly Pick<SiteSpec, 'layer'>[]): number[][] {
  const blocks: number[][] = []
  sites.forEach((site, i) => {
    const last = blocks.at(-1)
    if (last && sites[last[0]!]!.layer === site.layer) last.push(i)
    else blocks.push([i])
  })
  return blocks
}

/** For each site the number of its block, from 1. */
export function depthsOf(sites: readonly Pick<SiteSpec, 'layer'>[]): number[] {
  return blocksOf(sites).flatMap((block, i) => block.map(() => i + 1))
}

/** A mask that keeps the sites of `blocks` alone. */
export function keepOnly(sites: readonly unknown[], blocks: readonly (readonly number[])[]): boolean[] {
  const kept = new Set(blocks.flat())
  return sites.map((_, i) => kept.has(i))
}

/** Σ flops·rate / Σ flops: the share of the sites' backward FLOPs to drop, in expectation. */
export function targetRate({ rates, flops }: Pick<DrawRequest, 'rates' | 'flops'>): number {
  const total = flops.reduce((sum, f) => sum + f, 0)
  return total > 0 ? rates.reduce((sum, rate, i) => sum + rate * flops[i]!, 0) / total : 0
}
