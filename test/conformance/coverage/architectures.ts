/** The architectures' half of docs/coverage.md. */
import type { Row } from '../matrix/table.js'
import { ranges, table } from './markdown.js'

const EXPORTERS = ['dynamo', 'torchscript'] as const
type Exporter = (typeof EXPORTERS)[number]

/** Tables and reasons from the rows of the matrix. */
export function architectures(rows: readonly Row[]): string {
  const families = new Map<string, Row[]>()
  for (const row of rows) families.set(row.family, [...(families.get(row.family) ?? []), row])
  const parts = [...families].map(([family, of]) => `### ${TITLES[family] ?? family}\n\n${familyTable(of)}`)
  return ['## Architectures', introduction(rows), ...parts, misses(rows), remarks(rows)]
    .filter(Boolean)
    .join('\n\n')
}

const TITLES: Readonly<Record<string, string>> = {
  causal: 'Decoder-only language models',
  encoder: 'Encoders of text',
  vision: 'Vision, and vision with text',
  seq2seq: 'Encoder-decoders of text',
  speech: 'Speech',
}

function introduction(rows: readonly Row[]): string {
  const all = byArchitecture(rows)
  const isRight = (of: readonly Row[], exporter: Exporter) =>
    of.some((row) => row.exporter === exporter && row.outcome === 'right')
  const isStated = (of: readonly Row[], exporter: Exporter) => {
    const plain = of.filter((row) => row.exporter === exporter)
    return plain.length > 0 && plain.every((row) => row.outcome !== 'wrong')
  }
  const one = [...all.values()].filter((of) => EXPORTERS.some((e) => isRight(of, e)))
  const both = one.filter((of) => EXPORTERS.every((e) => isRight(of, e)))
  const stated = one.filter((of) => EXPORTERS.every((e) => isRight(of, e) || isStated(of, e)))
  const right = rows.filter((row) => row.outcome === 'right')
  const worst = Math.max(...right.map((row) => row.worst ?? 0))
  return `Tiny random models, exported by \`torch.onnx\` and compiled. An export is right where the graph has exactly the residual
branches of the source, of the right kinds and under the modules' names; every parameter has its PyTorch name; and loss and
every gradient equal PyTorch's, with all branches kept, under two random drop masks, and with everything dropped (relative
error of a gradient at most 1e-4; the largest seen is ${worst.toExponential(1)}).

${one.length} of ${all.size} architectures are right with at least one exporter: ${both.length} with both, ${stated.length} with both or where the other exporter fails
by itself. Of ${rows.length} exports, ${right.length} are right, ${count(rows, 'wrong')} are wrong, and ${count(rows, 'exporter failed')} could not be made.`
}

function count(rows: readonly Row[], outcome: Row['outcome']): number {
  return rows.filter((row) => row.outcome === outcome).length
}

function byArchitecture(rows: readonly Row[]): Map<string, Row[]> {
  const found = new Map<string, Row[]>()
  for (const row of rows) found.set(row.architecture, [...(found.get(row.architecture) ?? []), row])
  return found
}

function familyTable(rows: readonly Row[]): string {
  const lines = [...byArchitecture(rows)].map(([name, of]) => [
    name,
    String(of.find((row) => row.sites)?.sites!.expected ?? ''),
    String(of.find((row) => row.named)?.named!.expected ?? ''),
    ...EXPORTERS.map((exporter) =>
      opsets(of.filter((row) => row.exporter === exporter && row.variant === '')),
    ),
    variants(of),
  ])
  return table(
    ['architecture', 'branches', 'parameters', 'dynamo, opsets', 'TorchScript, opsets', 'also right'],
    lines,
  )
}

/** `14–20; not 13`, where the misses are explained below. */
function opsets(rows: readonly Row[]): string {
  const right = rows.filter((row) => row.outcome === 'right').map((row) => row.opset)
  const failed = rows.filter((row) => row.outcome === 'exporter failed').map((row) => row.opset)
  const wrong = rows.filter((row) => row.outcome === 'wrong').map((row) => row.opset)
  return [
    right.length > 0 ? ranges(right) : '',
    failed.length > 0 ? `${ranges(failed)} exporter fails` : '',
    wrong.length > 0 ? `${ranges(wrong)} wrong` : '',
  ]
    .filter(Boolean)
    .join('; ')
}

/** Variants that are right, with the exporter where it is one only. */
function variants(rows: readonly Row[]): string {
  const right = rows.filter((row) => row.variant !== '' && row.outcome === 'right')
  const names = [...new Set(right.map((row) => row.variant))]
  return names
    .map((name) => {
      const exporters = new Set(right.filter((row) => row.variant === name).map((row) => row.exporter))
      return (DESCRIPTIONS[name] ?? name) + (exporters.size === 2 ? '' : ` (${[...exporters][0]})`)
    })
    .join(', ')
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  eager: 'eager attention',
  static: 'static shapes',
  left: 'left padding',
  positions: 'position_ids input',
  past: 'past key values',
  hidden: 'several outputs',
  simplified: 'simplified',
  fused: "ONNX Runtime's fusions",
  unfolded: 'without constant folding',
}

function misses(rows: readonly Row[]): string {
  const missed = rows.filter((row) => row.outcome !== 'right')
  if (missed.length === 0) return ''
  return `### What is not right, and why\n\n${table(
    ['architecture', 'export', 'outcome', 'reason'],
    missed.map((row) => [row.architecture, exportOf(row), row.outcome, row.reason ?? '']),
  )}`
}

function remarks(rows: readonly Row[]): string {
  const remarked = rows.filter((row) => row.outcome === 'right' && row.remark)
  if (remarked.length === 0) return ''
  return `### Right, with a remark

A static export cuts tables to its length; tools that rewrite the file may drop names.

${table(
  ['architecture', 'export', 'remark'],
  remarked.map((row) => [row.architecture, exportOf(row), row.remark!]),
)}`
}

function exportOf({ exporter, opset, variant }: Row): string {
  return `${exporter} ${opset}${variant && `, ${DESCRIPTIONS[variant] ?? variant}`}`
}
