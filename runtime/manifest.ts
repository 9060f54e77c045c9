/** Opens a compiled directory: its manifest, checked, and the paths of its files. */
import fs from 'node:fs'
import path from 'node:path'
import * as v from 'valibot'
import { DropBPError, IOError } from '../src/errors.js'
import type { Manifest } from '../src/manifest.js'
import { guarded } from '../src/files.js'

/** A compiled directory whose manifest is valid. */
export interface CompiledModel {
  readonly directory: string
  readonly manifest: Manifest
}

const VERSION = 1
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const dimension = v.union([count, v.string()])
const names = v.array(v.string())

const tensorSpec = v.object({
  name: v.string(),
  dtype: v.string(),
  shape: v.array(dimension),
  limit: v.optional(v.number()),
})

const labelSpec = v.object({ ...tensorSpec.entries, ignoreIndex: v.optional(v.number()) })
const flops = v.object({ forward: v.string(), backward: v.string() })

const siteSpec = v.object({
  name: v.string(),
  index: count,
  layer: count,
  kind: v.picklist(['attention', 'cross-attention', 'mlp', 'moe', 'other']),
  keep: v.string(),
  scale: v.optional(v.string()),
  flops,
  parameters: names,
})

const parameterSpec = v.object({
  name: v.string(),
  input: v.nullable(v.string()),
  dtype: v.string(),
  shape: v.array(count),
  gradient: v.nullable(v.string()),
  trainable: v.boolean(),
  source: v.looseObject({
    initializer: v.string(),
    transposed: v.boolean(),
    derived: v.nullable(v.string()),
    aliases: names,
    uses: v.optional(names),
    dtype: v.optional(v.string()),
  }),
  sites: names,
  presentWhen: v.array(names),
})

const optimizerSpec = v.object({
  kind: v.picklist(['adamw', 'sgd', 'lion', 'adafactor']),
  hyperparameters: v.array(v.object({ name: v.string(), default: v.number() })),
  perParameter: v.optional(names),
  state: v.array(
    v.object({
      name: v.string(),
      input: v.string(),
      output: v.string(),
      dtype: v.string(),
      scalar: v.boolean(),
      reduced: v.optional(v.picklist([-1, -2])),
    }),
  ),
  parameter: v.object({ input: v.string(), output: v.string() }),
  inPlace: v.optional(v.boolean()),
  slice: v.optional(v.object({ model: v.string(), parameter: v.string(), gradient: v.string() })),
})

const schema = v.looseObject({
  format: v.literal('dropbp-manifest'),
  version: v.literal(VERSION),
  source: v.looseObject({
    file: v.string(),
    sha256: v.string(),
    opset: v.number(),
    irVersion: v.number(),
    producer: v.string(),
  }),
  models: v.object({ training: v.string(), eval: v.string(), optimizer: v.string(), annotated: v.string() }),
  checkpoint: v.string(),
  dropout: v.optional(v.object({ seed: v.string() })),
  kernels: v.optional(v.array(v.string())),
  arithmetic: v.optional(v.string()),
  inputs: v.array(tensorSpec),
  loss: v.object({
    kind: v.picklist(['causal-lm', 'token', 'class', 'mse', 'bce', 'output']),
    output: v.string(),
    labels: v.nullable(labelSpec),
    classes: v.optional(v.number()),
    labelSmoothing: v.optional(v.number()),
    scale: v.optional(v.object({ input: v.string(), default: v.number() })),
  }),
  evaluation: v.optional(v.object({ correct: v.optional(v.string()), unsmoothed: v.optional(v.string()) })),
  sites: v.array(siteSpec),
  parameters: v.array(parameterSpec),
  optimizer: optimizerSpec,
  flops,
  notes: names,
})

/**
 * Reads `manifest.json` of a directory that `dropbp-compile` wrote.
 * @throws IOError `not-compiled`, `missing-file`; DropBPError `manifest-version`, `manifest-invalid`
 */
export function openCompiled(directory: string): CompiledModel {
  const file = path.join(directory, 'manifest.json')
  if (!fs.existsSync(file)) {
    const why = fs.existsSync(directory) ? 'has no manifest.json' : 'does not exist'
    throw new IOError(
      'not-compiled',
      `${directory}: ${why}; make it with "dropbp-compile model.onnx -o ${directory}"`,
    )
  }
  const manifest = parseManifest(
    guarded(file, 'read', () => fs.readFileSync(file, 'utf8')),
    file,
  )
  for (const needed of [
    manifest.models.training,
    manifest.models.eval,
    manifest.models.optimizer,
    ...(manifest.optimizer.slice ? [manifest.optimizer.slice.model] : []),
    manifest.checkpoint,
  ]) {
    if (!fs.existsSync(path.join(directory, needed))) {
      throw new IOError(
        'missing-file',
        `${directory}: the manifest names ${needed}, which is not there; compile the model again`,
      )
    }
  }
  return { directory, manifest }
}

/** Checks the text of a manifest; `file` names it in messages. */
export function parseManifest(text: string, file: string): Manifest {
  const raw = parseJson(text, file)
  const version = (raw as { version?: unknown } | null)?.version
  if (version !== undefined && version !== VERSION) {
    throw new DropBPError(
      'manifest-version',
      `${file}: version ${String(version)}, this program reads ${VERSION}; compile the model again`,
    )
  }
  const result = v.safeParse(schema, raw)
  if (!result.success) {
    const issue = result.issues[0]
    throw new DropBPError(
      'manifest-invalid',
      `${file}: at ${v.getDotPath(issue) ?? 'top level'}: ${issue.message}`,
    )
  }
  checkReferences(result.output as Manifest, file)
  return result.output as Manifest
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DropBPError('manifest-invalid', `${file}: not JSON: ${(error as Error).message}`)
  }
}

function checkReferences(manifest: Manifest, file: string): void {
  const sites = new Set(manifest.sites.map((s) => s.name))
  for (const { name, trainable, input, gradient, presentWhen } of manifest.parameters) {
    const where = `${file}: parameter "${name}"`
    if (trainable && (input === null || gradient === null)) {
      throw new DropBPError(
        'manifest-invalid',
        `${where} is trainable but has no ${input === null ? 'input' : 'gradient'}`,
      )
    }
    const unknown = presentWhen.flat().find((s) => !sites.has(s))
    if (unknown !== undefined)
      throw new DropBPError('manifest-invalid', `${where} depends on the unknown site "${unknown}"`)
  }
}
