/** One optimizer step as a graph for stock ONNX Runtime, parameter by parameter; the rules are in `optimizers/`. */
import { Builder } from '../src/builder.js'
import { CompileError, unreachable } from '../src/errors.js'
import { Expr } from '../src/expr.js'
import { inPlaceHazards, pairsByName } from '../src/in-place.js'
import { Graph, Model, Node, Value, type Attribute } from '../src/ir.js'
import { changedBy, stateShape, type OptimizerSpec } from '../src/manifest.js'
import type { OpTable } from '../src/op.js'
import { lazy } from '../src/ops/support/emit.js'
import { tensorType, type DType, type TensorType } from '../src/types.js'
import { FILES } from './manifest.js'
import { OPTIMIZERS } from './optimizers/index.js'
import { adamwCall, adamwFunction } from './optimizers/kernel.js'
import { PER_PARAMETER, type OptimizerRule, type Update } from './optimizers/rule.js'

/** A trainable parameter as the training graph has it: its input, its gradient's output, type and shape. */
export interface OptimizedParameter {
  name: string
  gradient: string
  dtype: DType
  shape: readonly number[]
}

/** A parameter, or elements of one. */
type Stepped = Omit<OptimizedParameter, 'shape'> & { readonly shape: readonly (number | Expr)[] }

/** A parameter of any length, which stands for elements of any parameter. */
const SLICE = { name: 'slice', gradient: 'slice_grad', shape: [Expr.symbol('elements')] }

/**
 * The optimizer's step over all parameters. A parameter whose gradient is empty stays as it is, decay, moments and step
 * count included. A runtime may bind the input and output of whatever changes to one buffer: proved of every graph emitted.
 *
 * State and arithmetic are float32 (float64 where any parameter is): moments in a half type would underflow.
 *
 * @param kernels where a kernel computes the step, call its function, whose body is the same graph
 */
export function buildOptimizer(
  kind: OptimizerSpec['kind'],
  parameters: readonly OptimizedParameter[],
  table: OpTable,
  kernels = false,
): { model: Model; slice: Model | null; spec: OptimizerSpec } {
  const rule = OPTIMIZERS[kind]
  const dtype = parameters.some((p) => p.dtype === 'float64') ? 'float64' : 'float32'
  const types = new Set(parameters.map((p) => p.dtype))
  const sliced = rule.elementwise && types.size === 1 ? { ...SLICE, dtype: parameters[0]!.dtype } : null
  const spec = specOf(kind, rule, dtype, separatorFor(rule, sliced ? [...parameters, sliced] : parameters))
  const emit = (of: readonly Stepped[]): Model => emitStep(of, spec, dtype, table, kernels)
  if (!sliced) return { model: emit(parameters), slice: null, spec }
  spec.slice = { model: FILES.optimizerSlice, parameter: sliced.name, gradient: sliced.gradient }
  return { model: emit(parameters), slice: emit([sliced]), spec }
}

function emitStep(
  parameters: readonly Stepped[],
  spec: OptimizerSpec,
  dtype: DType,
  table: OpTable,
  kernels: boolean,
): Model {
  const model = new Model(new Graph(`${spec.kind}_step`))
  model.irVersion = 10
  model.opsets.set('', 20)
  const step = new StepEmitter(model, table, spec, dtype, parameters.length, kernels)
  for (const parameter of parameters) step.addParameter(parameter)
  proveInPlace(model, parameters, spec)
  return model
}

/** What `inPlace` says, or a bug: a rule that reads a tensor after it has written its successor. */
function proveInPlace(model: Model, parameters: readonly Stepped[], spec: OptimizerSpec): void {
  const names = parameters.flatMap(({ name }) => changedBy(spec, name))
  for (const { input, output, reason } of inPlaceHazards(model, pairsByName(model, names)!))
    unreachable(`${spec.kind} cannot write ${output.name} over ${input.name}: ${reason}`)
}

function specOf(
  kind: OptimizerSpec['kind'],
  rule: OptimizerRule,
  dtype: DType,
  separator: string,
): OptimizerSpec {
  return {
    kind,
    hyperparameters: Object.entries(rule.hyperparameters).map(([name, value]) => ({ name, default: value })),
    perParameter: [...PER_PARAMETER],
    state: rule.state.map(({ name, scalar, reduced }) => ({
      name,
      input: `{}${separator}${name}`,
      output: `{}${separator}${name}${separator}next`,
      dtype,
      scalar,
      ...(reduced !== undefined && { reduced }),
    })),
    parameter: { input: '{}', output: `{}${separator}next` },
    inPlace: true,
  }
}

/** What stands between a parameter's name and a suffix so that no two tensors share a name (`weight` and `weight_v`, say). */
function separatorFor(rule: OptimizerRule, parameters: readonly Stepped[]): string {
  for (const separator of ['_', '/', '//', '::']) {
    const spec = specOf('adamw', rule, 'float32', separator)
    const patterns = [spec.parameter, ...spec.state].flatMap((s) => [s.input, s.output])
    const names = parameters.flatMap((p) => [
      p.gradient,
      ...patterns.map((pattern) => pattern.replace('{}', () => p.name)),
    ])
    const all = [...Object.keys(rule.hyperparameters), ...names]
    if (new Set(all).size === all.length) return separator
  }
  throw new CompileError(
    'name-clash',
    `the optimizer's inputs cannot be named: a parameter has the name of a hyperparameter (${Object.keys(rule.hyperparameters).join(', ')}) or of another's gradient; rename it in the source model`,
  )
}

/** Emits one `If (Size(gradient) > 0)`, or one call of a kernel's function, for every parameter. */
class StepEmitter {
  private readonly b: Builder
  private readonly hyperparameters: ReadonlyMap<string, Value>
  private readonly update: () => Update
  private done = 0

  constructor(
    private readonly model: Model,
    private readonly table: OpTable,
    private readonly spec: OptimizerSpec,
    private readonly dtype: DType,
    count: number,
    private readonly kernels: boolean,
  ) {
    this.b = new Builder(model, model.graph, table)
    const given = new Map(spec.hyperparameters.map(({ name }) => [name, this.hyperparameter(name, count)]))
    this.hyperparameters = given
    this.update = lazy(() => OPTIMIZERS[spec.kind].prepare(this.b, (name) => given.get(name)!, dtype))
  }

  /** A scalar; of those that may differ, a vector, which the input may be too once it is declared as one. */
  private hyperparameter(name: string, count: number): Value {
    const given = this.input(name, tensorType('float32', []))
    if (!this.spec.perParameter!.includes(name)) return given
    const vector = this.b.emit('Expand', [given, this.b.ints([count])])
    vector.type = tensorType('float32', [count])
    return vector
  }

  addParameter(parameter: Stepped): void {
    // cast outside the If: stock ONNX Runtime has no Size of bfloat16
    const gradient = this.b.cast(this.input(parameter.gradient, gradientType(parameter)), this.dtype)
    const old = this.tensors(parameter, 'input').map((v) => this.model.graph.addInput(v))
    const next = this.tensors(parameter, 'output')
    const index = this.done++
    const node = this.hasKernel(parameter)
      ? this.call([old[0]!, gradient, ...old.slice(1)], next, index)
      : this.conditional(parameter, gradient, old, next, index)
    node.name = `step ${parameter.name}`
    this.model.graph.addNode(node)
    this.model.graph.setOutputs([...this.model.graph.outputs, ...next])
  }

  private conditional(parameter: Stepped, gradient: Value, old: Value[], next: Value[], index: number): Node {
    const present = this.b.emit('Greater', [this.b.emit('Size', [gradient]), this.b.scalar('int64', 0)])
    return new Node('If', [present], next, [
      ['then_branch', this.branch('update', (b) => this.step(b, parameter, gradient, old, index))],
      ['else_branch', this.branch('leave', (b) => old.map((v) => b.emit('Identity', [v])))],
    ])
  }

  /** A scalar's gradient comes in two shapes, which the function does not know. */
  private hasKernel({ dtype, shape }: Stepped): boolean {
    const isFloat32 = dtype === 'float32' && this.dtype === 'float32'
    return this.kernels && this.spec.kind === 'adamw' && isFloat32 && shape.length > 0
  }

  private call(tensors: readonly Value[], next: readonly Value[], index: number): Node {
    if (this.model.functions.length === 0) this.model.functions.push(adamwFunction(this.table))
    return adamwCall(tensors, (name) => this.hyperparameters.get(name)!, next, index)
  }

  /** The parameter, then its states, as the step reads or writes them. */
  private tensors({ name, dtype, shape }: Stepped, side: 'input' | 'output'): Value[] {
    const named = (pattern: string, type: TensorType): Value =>
      new Value(
        pattern.replace('{}', () => name),
        type,
      )
    return [
      named(this.spec.parameter[side], tensorType(dtype, shape)),
      ...this.spec.state.map((s) => named(s[side], tensorType(this.dtype, stateShape(s, shape)))),
    ]
  }

  private step(
    b: Builder,
    { shape, dtype }: Stepped,
    gradient: Value,
    [weight, ...state]: Value[],
    index: number,
  ): Value[] {
    // the present gradient of a scalar may come as [1], since the absent one comes as [0]
    const shaped = shape.length === 0 ? b.emit('Reshape', [gradient, this.b.ints([])]) : gradient
    const own = (value: Value): Value => b.emit('Gather', [value, this.b.scalar('int64', index)], { axis: 0 })
    const [next, ...states] = this.update()(b, b.cast(weight!, this.dtype), shaped, state, own)
    return [b.cast(next!, dtype), ...states]
  }

  private branch(name: string, fill: (b: Builder) => readonly Value[]): Attribute {
    const graph = new Graph(name)
    graph.setOutputs(fill(new Builder(this.model, graph, this.table)))
    return { type: 'graph', value: graph }
  }

  private input(name: string, type: TensorType): Value {
    return this.model.graph.addInput(new Value(name, type))
  }
}

/** The gradient's first dimension is open: it is 0 where the gradient is absent. */
function gradientType({ name, dtype, shape }: Stepped): TensorType {
  const [rows, ...rest] = shape
  if (rows === undefined) return tensorType(dtype, [])
  return tensorType(dtype, [typeof rows === 'number' ? Expr.symbol(`rows of ${name}`) : rows, ...rest])
}
