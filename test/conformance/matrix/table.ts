/** What make.py writes about an architecture, and the rows of results.json. */

/** One export of an architecture. */
export interface Cell {
  name: string
  exporter: 'dynamo' | 'torchscript'
  opset: number
  /** What is special about it: exporting.py's VARIANTS; "" for nothing. */
  variant: string
}

/** Whether a tool rewrote the file after the export: such tools drop scopes and names. */
export function ranTool({ variant }: Cell): boolean {
  return variant === 'simplified' || variant === 'fused'
}

/** CACHE/ARCHITECTURE/table.json. */
export interface Table {
  family: string
  task: string
  /** The kind of loss, as --loss takes it. */
  loss: string
  /** Parameters that an exporter computes constants from, so that the file has them no more. */
  folded: string[]
  /** Residual branches in execution order; `hook` is the module that PyTorch detaches. */
  branches: { kind: string; name: string; hook: string }[]
  cells: Cell[]
}

/** What became of a cell: as PyTorch, not so, or the exporter did not write a model that computes what PyTorch does. */
export type Outcome = 'right' | 'wrong' | 'exporter failed'

/** One row of results.json. */
export interface Row {
  architecture: string
  family: string
  exporter: Cell['exporter']
  opset: number
  variant: string
  outcome: Outcome
  /** Why it is not right. */
  reason?: string
  /** What the exported file lacks, for all that it is right. */
  remark?: string
  sites?: { expected: number; found: number }
  /** Parameters with a gradient in PyTorch, and how many of them have their PyTorch name. */
  named?: { expected: number; found: number }
  /** Largest relative error of a gradient that passed. */
  worst?: number
}
