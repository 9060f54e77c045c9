/** The manifest of a compiled directory: everything a program needs to drive its graphs. */

/** Names of tensor element types, as ONNX Runtime's bindings spell them. */
export type ManifestDType = string

/** A tensor input: static dimensions are numbers, symbolic ones expressions such as `batch`. */
export interface TensorSpec {
  name: string
  dtype: ManifestDType
  shape: (number | string)[]
  /** Integer values must lie below this, where the graph tells it: the rows of the table that they index. */
  limit?: number
}

/** What the loss compares with. `ignoreIndex` counts for class labels only. */
export interface LabelSpec extends TensorSpec {
  ignoreIndex?: number
}

/** The kinds of loss that the compiler attaches; `output` takes a model output as the loss. */
export type LossKind = 'causal-lm' | 'token' | 'class' | 'mse' | 'bce' | 'output'

/** The kinds of residual branch. */
export type SiteKind = 'attention' | 'cross-attention' | 'mlp' | 'moe' | 'other'

/** A residual branch whose backward can be dropped. */
export interface SiteSpec {
  name: string
  /** Position in execution order. */
  index: number
  /** Block number within its stack (an encoder and a decoder are two stacks). */
  layer: number
  kind: SiteKind
  /** Name of the bool scalar input of the training graph; false drops the branch's backward. */
  keep: string
  /**
   * Name of the float32 scalar input that multiplies the gradient entering the branch: 1/(1 − rate) makes gradients unbiased, 1
   * is plain DropBP. Absent unless the model was compiled with --unbiased.
   */
  scale?: string
  /** Expressions over the inputs' symbolic dimensions, evaluated by `evaluateExpr`. */
  flops: { forward: string; backward: string }
  /** Trainable parameters whose gradient depends on this site alone or among others. */
  parameters: string[]
}

/** A float weight of the source model. */
export interface ParameterSpec {
  /** The source framework's name. */
  name: string
  /** Input of the training graph; null for a frozen parameter, which is an initializer. */
  input: string | null
  dtype: ManifestDType
  shape: number[]
  /** Output of the training graph; null for a frozen parameter. */
  gradient: string | null
  trainable: boolean
  source: {
    /** Initializer of the source model that holds this parameter. */
    initializer: string
    /** True where the initializer is the transposed of what the source framework calls by this name. */
    transposed: boolean
    /** Expression over this parameter that the exporter folded, e.g. `1 + w`; null where none. */
    derived: string | null
    /** Other initializers (or framework names) tied to the same weight. */
    aliases: string[]
    /** Where the initializer holds several parameters (an exporter merged equal ones): names of the source's nodes that read this one. */
    uses?: string[]
    /** Element type of the initializer, where it is a half type that is trained as float32. */
    dtype?: ManifestDType
  }
  /** Sites whose branch reads this parameter. */
  sites: string[]
  /**
   * When the gradient is present: an OR of ANDs of site names, `[[]]` always, `[]` never.
   * Where it is false, the gradient output is an empty tensor and the optimizer leaves the parameter alone.
   */
  presentWhen: string[][]
}

/** The optimizers that the compiler knows. */
export type OptimizerKind = 'adamw' | 'sgd' | 'lion' | 'adafactor'

/** How to drive `optimizer_model.onnx`. */
export interface OptimizerSpec {
  kind: OptimizerKind
  /** Scalar float32 inputs, with the values that the command line uses by default. */
  hyperparameters: { name: string; default: number }[]
  /**
   * Hyperparameters that can also be vectors, one element a trainable parameter in the manifest's order, once the declared
   * shape of their input is changed from [] to [parameters]: what parameter groups are made of. Absent where there are none.
   */
  perParameter?: string[]
  /**
   * State kept for every trainable parameter, all starting at zero: for a parameter `p`, the graph reads `input`
   * and writes `output`, with `{}` replaced by the parameter's name. `scalar` state has shape [], else the parameter's, with
   * size 1 in the axis `reduced`, counted from the end, where the parameter has it.
   */
  state: {
    name: string
    input: string
    output: string
    dtype: ManifestDType
    scalar: boolean
    reduced?: -1 | -2
  }[]
  /** The parameter's own value: input and output names, `{}` as above. The gradient input is the parameter's `gradient`. */
  parameter: { input: string; output: string }
  /**
   * True where an output may be written over its own input, because every reader of the input precedes the writer: the compiler
   * has proved it (src/in-place.ts). Without it a runtime keeps a second buffer for everything that the step changes.
   */
  inPlace?: boolean
  /**
   * A model of the same step over any elements of one parameter, as vectors: its inputs and outputs are those of a parameter
   * named `parameter`. Memory for temporaries is that of a slice, and slices that fit a cache are several times faster. Absent
   * where the step is not element-wise, or parameters are of several types.
   */
  slice?: { model: string; parameter: string; gradient: string }
}

/** The shape of a parameter's optimizer state. */
export function stateShape<Dim>(
  { scalar, reduced }: Pick<OptimizerSpec['state'][number], 'scalar' | 'reduced'>,
  shape: readonly Dim[],
): readonly (Dim | 1)[] {
  if (scalar) return []
  return reduced === undefined ? shape : shape.map((d, i) => (i === shape.length + reduced ? 1 : d))
}

/** Inputs and outputs of the optimizer for one parameter: its value and states, each with its successor. */
export function changedBy(
  { parameter, state }: Pick<OptimizerSpec, 'parameter' | 'state'>,
  name: string,
): { input: string; output: string }[] {
  const named = (pattern: string): string => pattern.replace('{}', () => name)
  return [parameter, ...state].map(({ input, output }) => ({ input: named(input), output: named(output) }))
}

/** `manifest.json`, version 1. */
export interface Manifest {
  format: 'dropbp-manifest'
  version: 1
  source: { file: string; sha256: string; opset: number; irVersion: number; producer: string }
  models: { training: string; eval: string; optimizer: string; annotated: string }
  checkpoint: string
  /**
   * Name of an int64 scalar input of the training graph that dropout masks are drawn from: another number in every pass, the
   * same one for the same masks. Absent where there is no such input.
   */
  dropout?: { seed: string }
  /** Element type that the graphs compute in, where it is not the one that the parameters train in. */
  arithmetic?: ManifestDType
  /** Functions of domain com.dropbp that the graphs call and that a kernel library can compute; absent where they call none. */
  kernels?: string[]
  inputs: TensorSpec[]
  /** `labels` is null when a model output is itself the loss. */
  loss: {
    kind: LossKind
    output: string
    labels: LabelSpec | null
    /** Number of classes (the vocabulary of a language model), where labels are class numbers and the graph tells it. */
    classes?: number
    /** Share of each row's weight that the training loss spreads evenly over all classes; absent where it is none. */
    labelSmoothing?: number
    /**
     * A float32 scalar input of the training graph, where gradients could underflow in float16: the backward multiplies by it
     * and divides the gradients by it, so that they come out unscaled, and not finite where it was too large. A runtime
     * then skips the step and halves it; `default` is a value to start with. Absent where there is no such input.
     */
    scale?: { input: string; default: number }
  }
  /** Outputs of the source model that the training and the evaluation graph give after all others. */
  outputs?: TensorSpec[]
  /**
   * Results of the evaluation graph beside the loss: how many counted labels the largest logit predicts, and the loss without
   * label smoothing where the loss has it. Absent where there are none.
   */
  evaluation?: { correct?: string; unsmoothed?: string }
  sites: SiteSpec[]
  parameters: ParameterSpec[]
  optimizer: OptimizerSpec
  /** FLOPs of the whole training graph, sites included, all kept. */
  flops: { forward: string; backward: string }
  /** What the compiler decided on its own: splits, ties, frozen tables, dropped inputs. */
  notes: string[]
}
