/** The contract of a pass and the state that passes share. */
import type { Expr } from '../src/expr.js'
import type { Model, Node, Value } from '../src/ir.js'
import type { LabelSpec, LossKind, OptimizerKind, SiteKind } from '../src/manifest.js'
import type { OpTable } from '../src/op.js'
import type { DType } from '../src/types.js'

/** What the user asks of a compilation. */
export interface CompileOptions {
  loss: {
    kind: LossKind | 'auto'
    /** Model output that is the loss (`output`) or that it is computed from. */ output?: string
  }
  /** Globs over parameter names; empty `train` means all float parameters. */
  train: readonly string[]
  freeze: readonly string[]
  /** Globs over site names; empty means all. */
  sites: readonly string[]
  /** Globs over output names; those that the training and evaluation graphs give besides; empty means none. */
  outputs: readonly string[]
  optimizer: OptimizerKind
  /** Site kinds whose branch is computed again in the backward instead of being kept. */
  recompute: readonly SiteKind[]
  /**
   * What half-precision models compute in: `auto` float32, which is what stock ONNX Runtime has CPU kernels for; `source`
   * the source's own types. Weights train as float32 either way. float32 and float64 models compute in their own type.
   */
  precision: 'auto' | 'source'
  /** Draw dropout masks from an input of the training graph, so that a run can be repeated and resumed exactly. */
  seededDropout: boolean
  /** Share of each row's weight that the loss spreads evenly over all classes; 0 for none. */
  labelSmoothing: number
  /** Give every site a factor for the gradient that enters its kept branch, so that 1/(1 − rate) makes gradients unbiased. */
  unbiased: boolean
  /** Emit calls of functions that kernels can compute, with bodies in standard operators, where such exist. */
  kernels: boolean
  /** Emit the flat, ungated graph (dropped gradients are zero instead of absent, and cost as much). */
  flat: boolean
}

/** A float weight of the source model, and how it got its name. */
export interface Parameter {
  name: string
  value: Value
  trainable: boolean
  /** Element type in the source model, where it is a half type that is computed or trained as float32. */
  sourceType?: DType
  /** Why it is frozen, where it is. */
  frozenBecause?: string
  initializer: string
  transposed: boolean
  /** Expression over this parameter that the initializer holds, e.g. `1 + w`. */
  derived: string | null
  aliases: string[]
  /** Names of the source's nodes that read this parameter, where the initializer holds several. */
  uses?: string[]
  /** Sites whose branch reads it, by name, and whether that branch alone does; set by find-residual-branches. */
  readIn?: ReadonlyMap<string, 'alone' | 'shared'>
}

/** A residual branch. */
export interface Site {
  name: string
  index: number
  layer: number
  kind: SiteKind
  /** The residual sum and the operand of it that is the branch's output. */
  sum: Node
  branch: Value
  /** Forward nodes that belong to the branch alone. */
  region: ReadonlySet<Node>
  /** Set by insert-dropbp: the DropBP node on the branch, and the bool input that keeps its backward. */
  node?: Node
  keep?: Value
  /** With options.unbiased, the float32 scalar that multiplies the gradient entering the branch. */
  scale?: Value
  flops?: { forward: Expr; backward?: Expr }
}

/** What a pass might have taken and left alone, and why: a residual sum that is no site, a pattern that is not raised. */
export interface Declined {
  node: Node
  reason: string
}

/** The loss as attached. */
export interface LossInfo {
  kind: LossKind
  output: Value
  /** Which output of the source model it is, or is computed from. */
  from?: number
  labels: LabelSpec | null
  /** The label input; null when an output is the loss. */
  labelInput: Value | null
  /** Number of classes of the logits, where there are any. */
  classes?: number
  /** Scalar float32 input that the backward multiplies its gradients by and divides the results by; see masters. */
  scaleInput?: Value
}

/** Result of differentiation: the main graph's results are the loss, then the gradients of `parameters` in this order. */
export interface Differentiated {
  readonly parameters: readonly Parameter[]
  /** Nodes that existed before the backward was emitted. */
  readonly forward: ReadonlySet<Node>
  /** When a gradient is present, as conjunctions of site indices; set by gate. */
  presentWhen: Map<Parameter, number[][]>
}

/** The state that passes read and write. */
export interface CompileContext {
  model: Model
  readonly table: OpTable
  readonly options: CompileOptions
  parameters: Parameter[]
  sites: Site[]
  declined: Declined[]
  loss?: LossInfo
  /** Whether gradients could underflow in float16: the training graph takes a factor that keeps them from it. */
  scalesLoss?: boolean
  /** The half type that the graph computes in, where weights have float32 masters. */
  arithmetic?: DType
  /** Scalar int64 input of the training graph that dropout masks are drawn from. */
  dropoutSeed?: Value
  /** Dimensions that only a run knows, by their symbols, and what they are at most. */
  readonly atMost: Map<string, Expr>
  /** Names of the source's outputs that are results of the graph too, after all others. */
  kept: string[]
  differentiated?: Differentiated
  /** Decisions the compiler took on its own, for the report and the manifest. */
  notes: string[]
}

/** One step of the pipeline. */
export interface Pass {
  /** Kebab-case, as `--print-after` takes it. */
  readonly name: string
  /** One sentence. */
  readonly purpose: string
  /** What must hold before. */
  readonly needs: string
  /** What holds afterwards. */
  readonly leaves: string
  run(ctx: CompileContext): void
}
