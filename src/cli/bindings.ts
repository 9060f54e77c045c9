/** A typed TypeScript module for one compiled model: its sites, parameters, feeds and results as types. */
import { IndentationText, Project, QuoteKind, VariableDeclarationKind, type SourceFile } from 'ts-morph'
import type { Manifest, TensorSpec } from '../manifest.js'

const HEADER = 'Made by dropbp-compile'

/** Whether a text is a module that `generateBindings` made. */
export function isGenerated(text: string): boolean {
  return text.startsWith(`/** ${HEADER} `)
}

/**
 * The module's text. It imports nothing: tensors are described by what ONNX Runtime's JavaScript tensors have, and whoever
 * calls it says how they are made.
 */
export function generateBindings(manifest: Manifest, directory: string): string {
  const project = new Project({
    useInMemoryFileSystem: true,
    manipulationSettings: { indentationText: IndentationText.TwoSpaces, quoteKind: QuoteKind.Single },
  })
  const file = project.createSourceFile('bindings.ts')
  addFiles(file, manifest)
  addSites(file, manifest)
  addParameters(file, manifest)
  addTensors(file)
  addBatch(file, manifest)
  addFeeds(file, manifest)
  addOptimizer(file, manifest)
  const header = `/** ${HEADER} from ${manifest.source.file}, for ${directory}. Do not edit: compile again. */`
  // a blank line before every declaration
  const body = file
    .getFullText()
    .trim()
    .replace(/([^\n])\n(\/\*\* )/g, '$1\n\n$2')
  return `${header}\n\n${body}\n`
}

function addFiles(file: SourceFile, { models, checkpoint }: Manifest): void {
  addConst(
    file,
    'files',
    literal({ ...models, checkpoint }),
    'Files of the compiled directory, relative to it.',
  )
}

function addSites(file: SourceFile, { sites }: Manifest): void {
  const entries = sites.map(({ name, layer, kind, keep }) => [name, { layer, kind, keep }] as const)
  addConst(
    file,
    'sites',
    literal(Object.fromEntries(entries)),
    'Residual branches whose backward can be dropped, in execution order.',
  )
  addType(file, 'Site', 'keyof typeof sites', 'A name of a residual branch.')
  addType(
    file,
    'Mask',
    '{ readonly [S in Site]: boolean }',
    'Which branches keep their backward in an iteration; false drops it.',
  )
  addFunction(
    file,
    'keepAll',
    [],
    'Mask',
    `return ${literal(Object.fromEntries(sites.map((s) => [s.name, true])))}`,
    'The mask that drops nothing.',
  )
}

function addParameters(file: SourceFile, { parameters }: Manifest): void {
  const of = (trainable: boolean): string =>
    literal(
      Object.fromEntries(
        parameters
          .filter((p) => p.trainable === trainable)
          .map(({ name, dtype, shape, gradient }) => [
            name,
            trainable ? { dtype, shape, gradient } : { dtype, shape },
          ]),
      ),
    )
  addConst(file, 'parameters', of(true), 'Trainable parameters: inputs of the graphs under these names.')
  addConst(file, 'frozen', of(false), 'Frozen parameters: constants of the graphs.')
  addType(file, 'Parameter', 'keyof typeof parameters', 'A name of a trainable parameter.')
}

/** Array types of element types, as ONNX Runtime's bindings have them. */
const ARRAYS: Readonly<Record<string, string>> = {
  float32: 'Float32Array',
  float64: 'Float64Array',
  float16: 'Uint16Array',
  bfloat16: 'Uint16Array',
  int64: 'BigInt64Array',
  int32: 'Int32Array',
  int16: 'Int16Array',
  int8: 'Int8Array',
  uint64: 'BigUint64Array',
  uint32: 'Uint32Array',
  uint16: 'Uint16Array',
  uint8: 'Uint8Array',
  bool: 'Uint8Array',
}

function addTensors(file: SourceFile): void {
  const members = Object.entries(ARRAYS).map(([dtype, array]) => ({ name: dtype, type: array }))
  file.addInterface({
    name: 'Elements',
    isExported: true,
    docs: ['Arrays of elements by element type.'],
    properties: members,
  })
  file.addInterface({
    name: 'TypedTensor',
    isExported: true,
    typeParameters: ['T extends keyof Elements'],
    docs: ["What is read of a tensor; ONNX Runtime's tensors fit."],
    properties: [
      { name: 'type', type: 'T', isReadonly: true },
      { name: 'data', type: 'Elements[T]', isReadonly: true },
      { name: 'dims', type: 'readonly number[]', isReadonly: true },
    ],
  })
}

function addBatch(file: SourceFile, { inputs, loss }: Manifest): void {
  const data = [...inputs, ...(loss.labels ? [loss.labels] : [])]
  file.addInterface({
    name: 'Batch',
    isExported: true,
    docs: ['The data of a step.'],
    properties: data.map((spec) => ({
      name: key(spec.name),
      type: tensor(spec.dtype),
      docs: [shapeOf(spec)],
    })),
  })
  file.addInterface({
    name: 'Loss',
    isExported: true,
    docs: ['The loss, a scalar.'],
    properties: [{ name: key(loss.output), type: "TypedTensor<'float32'> | TypedTensor<'float64'>" }],
  })
}

/** The type of a parameter's own values; `P` is its name. */
const VALUE = "TypedTensor<(typeof parameters)[P]['dtype']>"

function addFeeds(file: SourceFile, { sites, loss, dropout }: Manifest): void {
  addType(file, 'Weights', `{ [P in Parameter]: ${VALUE} }`, 'Values of the trainable parameters.')
  addType(
    file,
    'Gradients',
    `{ [P in Parameter as (typeof parameters)[P]['gradient']]: ${VALUE} }`,
    'Gradients; an empty tensor means that this iteration has none.',
  )
  const keeps = "{ [S in Site as (typeof sites)[S]['keep']]: TypedTensor<'bool'> }"
  addType(
    file,
    'Keeps',
    sites.length > 0 ? keeps : '{}',
    "The training graph's inputs that say what is kept.",
  )
  const seed = dropout ? ` & { ${key(dropout.seed)}: TypedTensor<'int64'> }` : ''
  const scale = loss.scale ? ` & { ${key(loss.scale.input)}: TypedTensor<'float32'> }` : ''
  addType(file, 'TrainingFeeds', `Batch & Weights & Keeps${scale}${seed}`, 'Inputs of the training graph.')
  addType(file, 'TrainingResults', 'Loss & Gradients', 'Results of the training graph.')
  addType(file, 'EvalFeeds', 'Batch & Weights', 'Inputs of the evaluation graph.')
  addType(file, 'EvalResults', 'Loss', 'Results of the evaluation graph.')
  if (sites.length > 0) addKeepFeeds(file)
}

function addKeepFeeds(file: SourceFile): void {
  addFunction(
    file,
    'keepFeeds',
    [
      { name: 'mask', type: 'Mask' },
      { name: 'scalar', type: "(keep: boolean) => TypedTensor<'bool'>" },
    ],
    'Keeps',
    'const names = Object.keys(sites) as Site[]\nreturn Object.fromEntries(names.map((name) => [sites[name].keep, scalar(mask[name])])) as Keeps',
    "A mask as the training graph's inputs; `scalar` makes a bool scalar, `(keep) => new Tensor('bool', [keep], [])`.",
  )
}

function addOptimizer(file: SourceFile, { optimizer }: Manifest): void {
  const keyed = (template: string): string => `\`${template.replace('{}', '${P}')}\``
  file.addInterface({
    name: 'Hyperparameters',
    isExported: true,
    docs: ["The optimizer's settings, scalars."],
    properties: optimizer.hyperparameters.map((h) => ({
      name: key(h.name),
      type: tensor('float32'),
      docs: [`By default ${h.default}.`],
    })),
  })
  const mapped = (template: string, type: string): string =>
    `{ [P in Parameter as ${keyed(template)}]: ${type} }`
  const states = (side: 'input' | 'output'): string[] =>
    optimizer.state.map((s) => mapped(s[side], tensor(s.dtype)))
  addType(
    file,
    'OptimizerState',
    states('input').join(' & '),
    'What the optimizer keeps of every parameter; all zeros at first.',
  )
  addType(
    file,
    'OptimizerFeeds',
    'Hyperparameters & Weights & Gradients & OptimizerState',
    'Inputs of the optimizer graph.',
  )
  addType(
    file,
    'OptimizerResults',
    [mapped(optimizer.parameter.output, VALUE), ...states('output')].join(' & '),
    'Results of the optimizer graph: the next weights and the next state.',
  )
}

function addConst(file: SourceFile, name: string, initializer: string, doc: string): void {
  file.addVariableStatement({
    declarationKind: VariableDeclarationKind.Const,
    isExported: true,
    docs: [doc],
    declarations: [{ name, initializer: `${initializer} as const` }],
  })
}

function addType(file: SourceFile, name: string, type: string, doc: string): void {
  file.addTypeAlias({ name, type, isExported: true, docs: [doc] })
}

function addFunction(
  file: SourceFile,
  name: string,
  parameters: { name: string; type: string }[],
  returnType: string,
  body: string,
  doc: string,
): void {
  file.addFunction({ name, parameters, returnType, statements: body, isExported: true, docs: [doc] })
}

function tensor(dtype: string): string {
  return `TypedTensor<'${dtype}'>`
}

function shapeOf({ shape, limit }: TensorSpec): string {
  return `[${shape.join(', ')}]${limit === undefined ? '' : `, below ${limit}`}`
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&').replace(/\n/g, '\\n')}'`
}

/** A property's name as source text. */
function key(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : quoted(name)
}

/** A value as source text, objects with one line an entry at the top level. */
function literal(value: unknown, depth = 0): string {
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return `[${value.map((v) => literal(v, depth + 1)).join(', ')}]`
  if (value === null || typeof value !== 'object') return String(value)
  const entries = Object.entries(value).map(([k, v]) => `${key(k)}: ${literal(v, depth + 1)}`)
  if (entries.length === 0) return '{}'
  return depth === 0 ? `{\n${entries.map((e) => `  ${e},`).join('\n')}\n}` : `{ ${entries.join(', ')} }`
}
