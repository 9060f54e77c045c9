/** Finds the parameters of the source model under the source framework's names. */
import { Builder } from '../src/builder.js'
import { Node, type Graph, type Value } from '../src/ir.js'
import { inheritFrom } from './canonical/replace.js'
import { selection } from './globs.js'
import { ClaimReader } from './parameters/claims.js'
import { restoreContainers } from './parameters/containers.js'
import { isSinusoidal } from './parameters/data.js'
import { unfold } from './parameters/derived.js'
import { lostParameters } from './parameters/notes.js'
import { partJoinedTables } from './parameters/joined.js'
import { joinReshapedCopies, narrow } from './parameters/reshaped.js'
import { Spelling } from './parameters/spelling.js'
import { nameTies, restoreTies, tieNotes } from './parameters/ties.js'
import type { BuilderFor, Weight } from './parameters/weight.js'
import { readWeights } from './parameters/weights.js'
import type { CompileContext, Parameter, Pass } from './pass.js'
import { moduleScope } from './scopes.js'

export const recoverParameters: Pass = {
  name: 'recover-parameters',
  purpose: 'Finds the float parameters under the names of the source framework, with their ties.',
  needs: 'types; folded shape arithmetic',
  leaves:
    'ctx.parameters: one value a parameter, tied ones once, merged ones apart; trainable or frozen as asked',
  run(ctx) {
    const { model, table, notes } = ctx
    const { graph } = model
    restoreContainers(graph)
    const spelling = new Spelling(graph)
    const reader = new ClaimReader(graph, spelling, isFromPyTorch(model.producerName, graph))
    const builder: BuilderFor = ({ node }) => new Builder(model, graph, table, inheritFrom(node))
    const tied = restoreTies(readWeights(graph, reader, notes), builder, notes)
    const read = partJoinedTables(tied, builder, notes)
    joinReshapedCopies(graph, read, builder)
    const weights = read.map((w) => narrow(unfold(w, builder), builder))
    nameTies(weights)
    ctx.parameters = weights.map(toParameter)
    notes.push(...tieNotes(weights), ...lostParameters(graph, spelling, ctx.parameters))
    for (const { name, value } of ctx.parameters) value.name = name
    chooseTrainable(ctx)
  },
}

function isFromPyTorch(producer: string, graph: Graph): boolean {
  return producer === 'pytorch' || [...graph.nodes].some((node) => moduleScope(node) !== undefined)
}

function toParameter({ name, value, initializer, transposed, derived, aliases, uses }: Weight): Parameter {
  return {
    name,
    value,
    trainable: true,
    initializer,
    transposed,
    derived: derived ?? null,
    aliases: [...aliases],
    uses,
  }
}

/** `--freeze` wins over `--train`; without `--train` all are trained that the source trains. */
function chooseTrainable({ parameters, options, notes }: CompileContext): void {
  const names = parameters.map((p) => p.name)
  const train = selection('--train', 'parameter', options.train, names)
  const freeze = selection('--freeze', 'parameter', options.freeze, names)
  for (const p of parameters) {
    p.frozenBecause = reasonToFreeze(p, train.match(p.name), train.isGiven, freeze.match(p.name))
    p.trainable = p.frozenBecause === undefined
    if (p.frozenBecause === SINUSOIDAL) notes.push(`${p.name} is frozen: ${SINUSOIDAL}`)
  }
}

const SINUSOIDAL = 'it is a table of sines and cosines; --train names it to train it'

function reasonToFreeze(
  p: Parameter,
  trained: string | undefined,
  isChoice: boolean,
  frozen: string | undefined,
): string | undefined {
  if (frozen !== undefined) return `--freeze "${frozen}"`
  if (trained !== undefined) return undefined
  if (isChoice) return '--train names others'
  if (isScale(p.value)) return 'it is the scale of quantised values; --train names it to train it'
  return isSinusoidal(p.value.data!) ? SINUSOIDAL : undefined
}

/** Whether a value only says how integers are scaled. */
function isScale(value: Value): boolean {
  return [...value.uses].every(
    ({ user, index }) => user instanceof Node && index > 0 && QUANTISED.has(user.op),
  )
}

const QUANTISED: ReadonlySet<string> = new Set([
  'DequantizeLinear',
  'GatherBlockQuantized',
  'MatMulNBits',
  'QuantizeDequantize',
  'QuantizeLinear',
])
