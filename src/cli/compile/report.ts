/** The report of `dropbp-compile` for a person. */
import path from 'node:path'
import type { CompileContext } from '../../../passes/pass.js'
import { percent } from '../../format.js'
import { colorsFor, human, plural, table, type Colors, type Column, type Sink } from '../console.js'
import type { CheckReport } from '../check/results.js'
import { groupBy, pattern, withoutNumbers } from '../group.js'
import type { ParameterSummary, SiteSummary, Summary } from './summary.js'

/** Rows that say the same of many names are printed once, unless `verbose`. */
export interface ReportOptions {
  verbose: boolean
}

/** The whole report. */
export function printReport(summary: Summary, sink: Sink, { verbose }: ReportOptions): void {
  const c = colorsFor(sink)
  const parts = [
    head(summary, c),
    sites(summary, verbose, c),
    cost(summary, c),
    parameters(summary, verbose, c),
    verbose ? declined(summary, c) : '',
    notes(summary, c),
    summary.check ? checks(summary.check, c) : '',
    files(summary, c),
    next(summary, c),
  ]
  sink.write(`${parts.filter((part) => part !== '').join('\n\n')}\n`)
}

function head({ model, source, loss, inputs, optimizer }: Summary, c: Colors): string {
  const labels = loss.labels
    ? `, labels "${loss.labels.name}" ${loss.labels.dtype}[${loss.labels.shape.join(', ')}]`
    : ''
  return [
    `${c.bold(path.basename(model))}  ${c.dim(`${source.producer}, opset ${source.opset}`)}`,
    `  inputs     ${inputs.map((t) => `${t.name} ${t.dtype}[${t.shape.join(', ')}]`).join('; ')}`,
    `  loss       ${loss.kind}${labels}`,
    `  optimizer  ${optimizer}`,
  ].join('\n')
}

const SITE_COLUMNS: readonly Column[] = [
  { head: 'site' },
  { head: 'kind' },
  { head: 'number', align: 'right' },
  { head: 'parameters', align: 'right' },
  { head: 'forward', align: 'right' },
  { head: 'backward', align: 'right' },
  { head: 'share of a step', align: 'right' },
]

function sites(summary: Summary, verbose: boolean, c: Colors): string {
  const all = summary.sites
  if (all.length === 0)
    return `${c.yellow('no sites')}  no residual branch was found, so there is no backward to drop`
  const groups = verbose
    ? all.map((site) => [site])
    : groupBy(all, (s) => [s.kind, s.parameters, s.flops.forward, s.flops.backward].join())
  const inside = {
    forward: sum(all.map((s) => s.flops.forward)),
    backward: sum(all.map((s) => s.flops.backward)),
  }
  const { forward, backward } = summary.flops
  const rest = { forward: forward - inside.forward, backward: backward - inside.backward }
  const rows = [
    ...groups.map(siteRow),
    [
      c.dim('outside of sites'),
      '',
      '',
      human(summary.trainable.elements - sum(all.map((s) => s.parameters))),
      human(rest.forward),
      human(rest.backward),
      percent((rest.forward + rest.backward) / (forward + backward || 1)),
    ],
  ]
  return `${title(`${plural(all.length, 'site')}`, c)}, ${flopsAt(summary)}\n${table(SITE_COLUMNS, rows, c)}`
}

function siteRow(group: readonly SiteSummary[]): string[] {
  const [first] = group as [SiteSummary]
  const { forward, backward } = first.flops
  return [
    pattern(group.map((s) => s.name)),
    first.kind,
    String(group.length),
    human(sum(group.map((s) => s.parameters))),
    human(forward * group.length),
    human(backward * group.length),
    percent(sum(group.map((s) => s.share))),
  ]
}

function flopsAt({ dims }: Summary): string {
  const sizes = Object.entries(dims).map(([name, size]) => `${name} ${size}`)
  return sizes.length === 0 ? 'FLOPs at static dimensions' : `FLOPs at ${sizes.join(', ')}`
}

function cost({ step, sites }: Summary, c: Colors): string {
  if (sites.length === 0) return `${title('cost of a step', c)}  ${human(step[0]!.flops)}FLOPs`
  const columns: Column[] = [
    { head: 'drop rate' },
    ...step.map((s) => ({ head: String(s.dropRate), align: 'right' as const })),
  ]
  const rows = [
    ['FLOPs', ...step.map((s) => human(s.flops))],
    ['relative', ...step.map((s) => percent(s.relative))],
  ]
  return `${title('expected cost of a step', c)}\n${table(columns, rows, c)}`
}

function parameters(summary: Summary, verbose: boolean, c: Colors): string {
  const { trainable, frozen } = summary
  const say = (what: string, t: { tensors: number; elements: number }): string =>
    `${human(t.elements)} ${what} in ${plural(t.tensors, 'tensor')}`
  const line = `${title('parameters', c)}  ${say('trainable', trainable)}${frozen.tensors > 0 ? `, ${say('frozen', frozen)}` : ''}`
  if (verbose)
    return `${line}\n${table(
      PARAMETER_COLUMNS,
      summary.parameters.map((p) => parameterRow([p])),
      c,
    )}`
  const frozenOnes = groupBy(
    summary.parameters.filter((p) => !p.trainable),
    (p) => `${p.frozenBecause} ${withoutNumbers(p.name)}`,
  )
  const rows = frozenOnes.map(
    (group) => `  frozen  ${pattern(group.map((p) => p.name))}  ${c.dim(group[0]!.frozenBecause ?? '')}`,
  )
  return [line, ...rows].join('\n')
}

const PARAMETER_COLUMNS: readonly Column[] = [
  { head: 'parameter' },
  { head: 'shape' },
  { head: 'initializer' },
  { head: '' },
]

function parameterRow([p]: readonly [ParameterSummary]): string[] {
  const { initializer, transposed, derived, aliases } = p.source
  const remarks = [
    p.trainable ? '' : `frozen: ${p.frozenBecause ?? 'nothing it feeds reaches the loss'}`,
    transposed ? 'stored transposed' : '',
    derived ? `stored as ${derived}` : '',
    aliases.length > 0 ? `tied with ${aliases.join(', ')}` : '',
  ]
  return [
    p.name,
    `[${p.shape.join(', ')}]`,
    initializer === p.name ? '' : initializer,
    remarks.filter(Boolean).join('; '),
  ]
}

function declined({ declined }: Summary, c: Colors): string {
  if (declined.length === 0) return ''
  const rows = groupBy(declined, (d) => `${d.op} ${d.reason}`).map((group) => [
    pattern(group.map((d) => d.node)),
    group[0]!.op,
    group[0]!.reason,
  ])
  return `${title('no sites', c)}\n${table([{ head: 'node' }, { head: 'operator' }, { head: 'reason' }], rows, c)}`
}

function notes({ notes }: Summary, c: Colors): string {
  return notes.length === 0 ? '' : [title('notes', c), ...notes.map((note) => `  ${note}`)].join('\n')
}

/** What a dry run had found when it failed. */
export function printFound({ sites, parameters, notes }: CompileContext, sink: Sink): void {
  const c = colorsFor(sink)
  const lines = [
    ...groupBy(sites, (s) => withoutNumbers(s.name)).map(
      (g) => `  site       ${pattern(g.map((s) => s.name))}  ${c.dim(g[0]!.kind)}`,
    ),
    ...groupBy(parameters, (p) => withoutNumbers(p.name)).map(
      (g) => `  parameter  ${pattern(g.map((p) => p.name))}`,
    ),
    ...notes.map((note) => `  note       ${note}`),
  ]
  if (lines.length > 0) sink.write(`${[title('found before the failure', c), ...lines].join('\n')}\n\n`)
}

/** The table of `--check`. */
function checks({ passed, results, dims }: CheckReport, c: Colors): string {
  const at = Object.entries(dims).map(([name, size]) => `${name} ${size}`)
  const rows = results.map((r) => [
    r.passed ? (r.conclusive ? c.green('ok') : c.dim('–')) : c.red('FAILED'),
    r.name,
    r.error === null ? '' : r.error.toExponential(1),
    r.limit === null ? '' : `≤ ${r.limit.toExponential(0)}`,
    r.detail,
  ])
  const columns: Column[] = [
    { head: '' },
    { head: 'check' },
    { head: 'error', align: 'right' },
    { head: 'limit' },
    { head: '' },
  ]
  const verdict = passed ? c.green('passed') : c.red('failed')
  return `${title('checks', c)} ${verdict}${at.length > 0 ? `, at ${at.join(', ')}` : ''}\n${table(columns, rows, c)}`
}

function files({ output, files }: Summary, c: Colors): string {
  if (output === null) return ''
  const rows = files.map((f) => [f.file, `${human(f.bytes)}B`])
  return `${title(`wrote ${output}`, c)}\n${table([{ head: 'file' }, { head: 'size', align: 'right' }], rows, c)}`
}

/** What to do with the result. */
function next({ output, loss }: Summary, c: Colors): string {
  if (output === null || loss.kind !== 'causal-lm') return ''
  return c.dim(`train it: dropbp-train ${output} --data <text file>`)
}

function title(text: string, c: Colors): string {
  return c.bold(text)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
