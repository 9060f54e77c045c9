/** The result of a compilation as data: what `--json` prints and the report shows. */
import fs from 'node:fs'
import path from 'node:path'
import type { CompileContext } from '../../../passes/pass.js'
import type { Manifest, ParameterSpec, SiteKind, TensorSpec } from '../../manifest.js'
import { sizeOf } from '../../host-tensor.js'
import type { CheckReport } from '../check/results.js'
import { ownersOf } from '../../../passes/find-residual-branches.js'
import { exampleDims, siteCost, stepCosts, type Dims, type StepCost } from './cost.js'

/** A residual branch with its size and its cost at the summary's dimensions. */
export interface SiteSummary {
  name: string
  index: number
  layer: number
  kind: SiteKind
  /** Elements of the trainable parameters that the branch alone reads. */
  parameters: number
  flops: { forward: number; backward: number }
  /** Of all FLOPs of a step that drops nothing. */
  share: number
}

export interface ParameterSummary {
  name: string
  shape: number[]
  trainable: boolean
  frozenBecause: string | null
  source: ParameterSpec['source']
}

export interface Tally {
  tensors: number
  elements: number
}

/** What a compilation made, at given dimensions. */
export interface Summary {
  model: string
  /** The compiled directory; null for a dry run. */
  output: string | null
  files: { file: string; bytes: number }[]
  source: Manifest['source']
  inputs: TensorSpec[]
  loss: Manifest['loss']
  optimizer: string
  /** Sizes of symbolic dimensions that FLOPs are given at. */
  dims: Dims
  flops: { forward: number; backward: number }
  sites: SiteSummary[]
  step: StepCost[]
  trainable: Tally
  frozen: Tally
  parameters: ParameterSummary[]
  /** Residual candidates that are no sites, and why. */
  declined: { node: string; op: string; reason: string }[]
  notes: string[]
  check: CheckReport | null
}

/** Gathers the summary of a compilation. */
export function summarise(
  model: string,
  { manifest, context }: { manifest: Manifest; context: CompileContext },
  given: Dims,
): Summary {
  const dims = exampleDims(manifest, given)
  const step = stepCosts(manifest, dims)
  const flops = siteCost(manifest, dims)
  const reasons = new Map(context.parameters.map((p) => [p.name, p.frozenBecause ?? null]))
  return {
    model,
    output: null,
    files: [],
    source: manifest.source,
    inputs: manifest.inputs,
    loss: manifest.loss,
    optimizer: manifest.optimizer.kind,
    dims,
    flops,
    sites: siteSummaries(manifest, context, dims, flops.forward + flops.backward),
    step,
    trainable: tally(manifest.parameters.filter((p) => p.trainable)),
    frozen: tally(manifest.parameters.filter((p) => !p.trainable)),
    parameters: manifest.parameters.map(({ name, shape, trainable, source }) => ({
      name,
      shape,
      trainable,
      frozenBecause: reasons.get(name) ?? null,
      source,
    })),
    declined: context.declined.map(({ node, reason }) => ({ node: node.name, op: node.op, reason })),
    notes: manifest.notes,
    check: null,
  }
}

function siteSummaries(
  manifest: Manifest,
  { parameters }: CompileContext,
  dims: Dims,
  whole: number,
): SiteSummary[] {
  const owners = new Map(parameters.map((p) => [p.name, ownersOf(p)]))
  const sizes = new Map(manifest.parameters.map((p) => [p.name, sizeOf(p.shape)]))
  return manifest.sites.map((site) => {
    const { name, index, layer, kind } = site
    const own = manifest.parameters.filter((p) => p.trainable && owners.get(p.name)?.at(-1) === name)
    const flops = siteCost(site, dims)
    return {
      name,
      index,
      layer,
      kind,
      parameters: own.reduce((n, p) => n + sizes.get(p.name)!, 0),
      flops,
      share: whole === 0 ? 0 : (flops.forward + flops.backward) / whole,
    }
  })
}

function tally(parameters: readonly { shape: number[] }[]): Tally {
  return { tensors: parameters.length, elements: parameters.reduce((n, p) => n + sizeOf(p.shape), 0) }
}

/** The files below a directory with their sizes, in the order a person reads them. */
export function listFiles(directory: string): { file: string; bytes: number }[] {
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => ({ file: path.relative(directory, file), bytes: fs.statSync(file).size }))
    .sort((a, b) => (a.file < b.file ? -1 : 1))
}
