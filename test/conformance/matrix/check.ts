/** One exported model against its PyTorch reference: sites, names, and loss and gradients under every mask. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ort from 'onnxruntime-node'
import type { HostTensor } from '../../../src/host-tensor.js'
import { compile, type Manifest, type ParameterSpec } from '../../../src/index.js'
import { readSafetensors } from '../../../src/safetensors.js'
import { relativeError, norm, transposed } from './compare.js'
import type { Cell, Row, Table } from './table.js'

/** ‖g − reference‖ / ‖reference‖ that counts as equal in float32. */
const TOLERANCE = 1e-4
/** The name of the network within the module that was exported. */
const PREFIX = 'net.'

type Tensors = ReadonlyMap<string, HostTensor>
type Findings = Pick<Row, 'sites' | 'named' | 'worst'> & { problems: string[] }

/** Compiles CACHE/architecture/cell.onnx, runs it under the masks of its reference, and says what differs. */
export async function check(directory: string, table: Table, cell: Cell): Promise<Findings> {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'matrix-'))
  const root = path.join(scratch, 'compiled')
  try {
    const reference = readSafetensors(path.join(directory, `${cell.variant || 'plain'}.safetensors`))
    const source = path.join(directory, `${cell.name}.onnx`)
    compile(source, { loss: { kind: table.loss } as never }).write(root)
    const manifest = JSON.parse(readFileSync(path.join(root, 'manifest.json'), 'utf8')) as Manifest
    const findings = inspect(manifest, table, reference)
    if (manifest.sites.length === table.branches.length) await run(root, manifest, reference, findings)
    return findings
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** What the manifest alone tells: branches, kinds and names. */
function inspect(manifest: Manifest, table: Table, reference: Tensors): Findings {
  const problems: string[] = []
  const { sites } = manifest
  if (sites.length !== table.branches.length)
    problems.push(
      `${sites.length} sites instead of ${table.branches.length}: ${sites.map((s) => s.name).join(', ')}`,
    )
  else
    table.branches.forEach(({ kind, name }, i) => {
      const site = sites[i]!
      if (site.kind !== kind) problems.push(`${site.name} is ${site.kind}, not ${kind}`)
      if (!fits(site.name, name)) problems.push(`site ${i} is called ${site.name}, not ${name}`)
    })
  const wanted = parametersOf(reference)
  const missing = wanted.filter((name) => !find(manifest, name))
  if (missing.length > 0)
    problems.push(`${missing.length} parameters not found: ${missing.slice(0, 3).join(', ')}`)
  const other = manifest.parameters.filter((p) => p.trainable && !wanted.includes(plain(p.name)))
  if (other.length > 0)
    problems.push(
      `trains what PyTorch does not: ${other
        .slice(0, 3)
        .map((p) => p.name)
        .join(', ')}`,
    )
  return {
    sites: { expected: table.branches.length, found: sites.length },
    named: { expected: wanted.length, found: wanted.length - missing.length },
    worst: 0,
    problems,
  }
}

/** A site that occurs again under the same name has a number. */
function fits(site: string, name: string): boolean {
  return plain(site).replace(/#\d+$/, '') === name
}

function plain(name: string): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name
}

/** Every parameter that has a gradient with all branches kept. */
function parametersOf(reference: Tensors): string[] {
  return [...reference.keys()]
    .filter((key) => key.startsWith('0/grad/'))
    .map((key) => key.slice('0/grad/'.length))
}

function find(manifest: Manifest, name: string): ParameterSpec | undefined {
  return manifest.parameters.find((p) => p.trainable && plain(p.name) === name)
}

/** Loss and gradients under every mask of the reference. */
async function run(root: string, manifest: Manifest, reference: Tensors, findings: Findings): Promise<void> {
  const session = await ort.InferenceSession.create(path.join(root, manifest.models.training), {
    intraOpNumThreads: 1,
    enableMemPattern: false,
    logSeverityLevel: 3,
  })
  try {
    const weights = readSafetensors(path.join(root, manifest.checkpoint))
    for (let mask = 0; reference.has(`${mask}/keep`); mask++) {
      const results = await session.run(feedsOf(manifest, weights, reference, mask))
      compareMask(manifest, results, reference, mask, findings)
    }
  } finally {
    await session.release()
  }
}

function feedsOf(
  manifest: Manifest,
  weights: Tensors,
  reference: Tensors,
  mask: number,
): Record<string, ort.Tensor> {
  const feeds: Record<string, ort.Tensor> = {}
  for (const { name } of manifest.inputs) {
    const input = reference.get(`in/${name}`)
    if (!input) throw new Error(`the training graph asks for input ${name}`)
    feeds[name] = tensor(input)
  }
  feeds[manifest.loss.labels!.name] = tensor(reference.get('labels')!)
  const keep = reference.get(`${mask}/keep`)!.data
  manifest.sites.forEach((site, i) => (feeds[site.keep] = new ort.Tensor('bool', [Boolean(keep[i])], [])))
  for (const p of manifest.parameters) if (p.trainable) feeds[p.input!] = tensor(weights.get(p.name)!)
  return feeds
}

function tensor({ dtype, data, shape }: HostTensor): ort.Tensor {
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape)
}

function compareMask(
  manifest: Manifest,
  results: ort.InferenceSession.ReturnType,
  reference: Tensors,
  mask: number,
  findings: Findings,
): void {
  const { problems } = findings
  const loss = Number(reference.get(`${mask}/loss`)!.data[0]!)
  const off = Math.abs(Number(results[manifest.loss.output]!.data[0]!) / loss - 1)
  if (!(off < TOLERANCE)) problems.push(`mask ${mask}: loss off by ${off.toExponential(1)}`)
  const gradients = new Map(
    [...reference].flatMap(([key, g]) =>
      key.startsWith(`${mask}/grad/`) ? [[key.slice(`${mask}/grad/`.length), g]] : [],
    ),
  ) as Map<string, HostTensor>
  const largest = Math.max(...[...gradients.values()].map((g) => norm(g.data)))
  for (const p of manifest.parameters) {
    if (!p.gradient) continue
    const got = results[p.gradient]!.data as Float32Array
    const wanted = gradients.get(plain(p.name))
    if (!wanted) {
      if (got.length > 0) problems.push(`mask ${mask}: ${p.name} has a gradient, in PyTorch it has none`)
      continue
    }
    const error = relativeError(got, p.source?.transposed ? transposed(wanted) : wanted.data, largest)
    if (!(error < TOLERANCE))
      problems.push(`mask ${mask}: ${p.name} ${got.length ? `off by ${error.toExponential(1)}` : 'empty'}`)
    else findings.worst = Math.max(findings.worst, error)
  }
}
