/**
 * ONNX's textual syntax (https://onnx.ai/onnx/repo-docs/Syntax.html), printed for people and parsed for tests. Names that are
 * no identifiers are quoted. Beyond the syntax, half-precision values may be written as decimals, and a text without header
 * means IR version 10, opset 20. Metadata of nodes, graphs and tensors is not part of it.
 */
import type { Graph, Model } from './ir.js'
import { ExternalFiles } from './onnx/external.js'
import { modelFromProto } from './onnx/reader.js'
import { graphToProto, modelToProto, type Placement } from './onnx/writer.js'
import { Parser } from './text/parser.js'
import { DEFAULT_LIMIT, Printer, type PrintOptions } from './text/printer.js'

export type { PrintOptions }

/** The text of a model. */
export function printModel(model: Model, options: PrintOptions = {}): string {
  return new Printer(options).model(modelToProto(model, { valueInfo: 'all' }, leaveOut(options)))
}

/** The text of a graph, nested ones with the names they have in their model. */
export function printGraph(graph: Graph, options: PrintOptions = {}): string {
  return new Printer(options).graph(graphToProto(graph, { valueInfo: 'all' }, leaveOut(options)), '') + '\n'
}

/** Tensors that are not printed are not read either. */
function leaveOut({ limit = DEFAULT_LIMIT }: PrintOptions): Placement {
  return (tensor) => (tensor.size > limit ? { location: '', offset: 0, length: 0 } : undefined)
}

/**
 * The model of a text.
 * @throws CompileError `text-syntax`, `elided-data`, and what the reader finds wrong with the model
 */
export function parseModel(text: string, options: { directory?: string } = {}): Model {
  return modelFromProto(new Parser(text).model(), new ExternalFiles(options.directory))
}
