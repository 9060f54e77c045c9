/** One exported model against its PyTorch reference: sites, names, and loss and gradients under every mask. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ort from 'onnxruntime-node'
import type { HostTensor } from '../../../src/host-tensor.js'
import { compile, type Manifest } from '../../../src/index.js'
import { readSafetensors } from '../../../src/safetensors.js'
import { norm, relativeError, TOLERANCE, transposed } from './compare.js'
import { inspect, plain, type Findings } from './inspect.js'
import { pairParameters, type Pairs } from './pair.js'
import { ranTool, type Cell, type Table } from './table.js'

export type Tensors = ReadonlyMap<string, HostTensor>

/** Compiles CACHE/architecture/cell.onnx, runs it under the masks of its reference, and says what differs. */
export async function check(directory: string, table: Table, cell: Cell): Promise<Findings> {
  const scratch = mkdtempSync(path.join(os.tmpdir(), 'matrix-'))
  const compiled = path.join(scratch, 'compiled')
  try {
    const reference = readSafetensors(path.join(directory, `${cell.variant || 'plain'}.safetensors`))
    const source = path.join(directory, `${cell.name}.onnx`)
    compile(source, { loss: { kind: table.loss } as never }).write(compiled)
    const manifest = JSON.parse(readFileSync(path.join(compiled, 'manifest.json'), 'utf8')) as Manifest
    const findings = inspect(manifest, table, ranTool(cell))
    if (manifest.sites.length === table.branches.length)
      await new Comparison(compiled, manifest, reference, findings).run(source, ranTool(cell), table.folded)
    return findings
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

/** A compiled directory beside its reference. */
class Comparison {
  private readonly weights: Tensors

  constructor(
    private readonly directory: string,
    private readonly manifest: Manifest,
    private readonly reference: Tensors,
    private readonly findings: Findings,
  ) {
    this.weights = readSafetensors(path.join(directory, manifest.checkpoint))
  }

  /** Every mask; the first keeps all branches, and tells which parameter is which where a tool has dropped names. */
  async run(source: string, isTool: boolean, folded: readonly string[]): Promise<void> {
    const { directory, manifest, reference, findings } = this
    const session = await ort.InferenceSession.create(path.join(directory, manifest.models.training), {
      intraOpNumThreads: 1,
      enableMemPattern: false,
      logSeverityLevel: 3,
    })
    try {
      let pairs: Pairs | undefined
      for (let mask = 0; reference.has(`${mask}/keep`); mask++) {
        const results = await session.run(this.feeds(mask))
        const gradients = gradientsOf(reference, mask)
        pairs ??= pairParameters({ manifest, gradients, results, source, isTool, folded }, findings)
        this.compare(results, gradients, pairs, mask)
      }
    } finally {
      await session.release()
    }
  }

  private feeds(mask: number): Record<string, ort.Tensor> {
    const { manifest, reference, weights } = this
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

  private compare(
    results: ort.InferenceSession.ReturnType,
    gradients: Tensors,
    pairs: Pairs,
    mask: number,
  ): void {
    const { manifest, reference, findings } = this
    const { problems } = findings
    const loss = Number(reference.get(`${mask}/loss`)!.data[0]!)
    const off = Math.abs(Number(results[manifest.loss.output]!.data[0]!) / loss - 1)
    if (!(off < TOLERANCE)) problems.push(`mask ${mask}: loss off by ${off.toExponential(1)}`)
    const largest = Math.max(...[...gradients.values()].map((g) => norm(g.data)))
    for (const p of manifest.parameters) {
      if (!p.gradient) continue
      const got = results[p.gradient]!.data as Float32Array
      const wanted = gradients.get(pairs.get(p.name) ?? plain(p.name))
      if (!wanted) {
        if (got.length > 0) problems.push(`mask ${mask}: ${p.name} has a gradient, in PyTorch it has none`)
        continue
      }
      const error = relativeError(got, p.source?.transposed ? transposed(wanted) : wanted.data, largest)
      if (error < TOLERANCE) findings.worst = Math.max(findings.worst ?? 0, error)
      else if (got.length === 0) problems.push(`mask ${mask}: ${p.name} is empty`)
      else problems.push(`mask ${mask}: ${p.name} off by ${error.toExponential(1)}`)
    }
  }
}

function gradientsOf(reference: Tensors, mask: number): Map<string, HostTensor> {
  const prefix = `${mask}/grad/`
  const found = new Map<string, HostTensor>()
  for (const [key, value] of reference) if (key.startsWith(prefix)) found.set(key.slice(prefix.length), value)
  return found
}

function tensor({ dtype, data, shape }: HostTensor): ort.Tensor {
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape)
}
