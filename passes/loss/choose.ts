/** Which loss to attach, where the user leaves it to the compiler. */
import { CompileError } from '../../src/errors.js'
import type { Value } from '../../src/ir.js'
import type { LossKind } from '../../src/manifest.js'
import { elementCount, formatType, isFloat, type Shape } from '../../src/types.js'
import type { CompileContext } from '../pass.js'
import { findCausality } from './causality.js'
import { listOutputs, namedOutput, pickOutput } from './outputs.js'

/** A kind of loss and the output that it is computed from, or that it is. */
export interface LossChoice {
  readonly kind: LossKind
  readonly output: Value
}

/** What the options say; `auto` is decided by {@link decide} and noted. */
export function chooseLoss(ctx: CompileContext): LossChoice {
  const { graph } = ctx.model
  const { kind, output: name } = ctx.options.loss
  if (kind === 'output' && !name) return { kind, output: lossOutput(ctx) }
  if (kind !== 'auto') return { kind, output: name ? namedOutput(graph, name) : pickOutput(graph) }
  const own = name ? undefined : graph.outputs.find(isLoss)
  const choice = own ? { kind: 'output' as const, why: 'it is the loss' } : undefined
  const output = own ?? (name ? namedOutput(graph, name) : pickOutput(graph))
  const { kind: chosen, why } = choice ?? decide(ctx, output)
  ctx.notes.push(`loss: ${chosen} on output "${output.name}", because ${why}; --loss chooses another`)
  return { kind: chosen, output }
}

/**
 * By the logits' rank, first rule that fits:
 * - [batch, 1]: mse; [batch, classes]: class
 * - [batch, positions, classes]: token where the model has inputs for a decoder (their labels are shifted outside);
 *   causal-lm where attention is causal; else token
 */
function decide(ctx: CompileContext, output: Value): { kind: LossKind; why: string } {
  const shape = output.type?.shape
  if (!shape || shape.length < 2 || shape.length > 3) throw undecided(ctx, output)
  if (shape.length === 2) return decideClass(shape)
  const decoder = ctx.model.graph.inputs.find((v) => /^(decoder_|labels$|encoder_hidden_states)/.test(v.name))
  if (decoder)
    return {
      kind: 'token',
      why: `it has a prediction for every position, and "${decoder.name}" is its own input`,
    }
  const causal = findCausality(ctx.model.graph)
  if (causal) return { kind: 'causal-lm', why: `it has a prediction for every position, and ${causal}` }
  return { kind: 'token', why: 'it has a prediction for every position, and no attention is causal' }
}

function decideClass(shape: Shape): { kind: LossKind; why: string } {
  return shape[1]!.constant === 1
    ? { kind: 'mse', why: 'it is one number for each of the batch' }
    : { kind: 'class', why: 'it is one prediction for each of the batch' }
}

function undecided(ctx: CompileContext, output: Value): CompileError {
  return new CompileError(
    'no-logits',
    `no loss fits output "${output.name}" ${formatType(output.type)}: [batch, positions, classes] or [batch, classes] was ` +
      `expected; choose with --loss. Outputs: ${listOutputs(ctx.model.graph)}`,
  )
}

function isLoss(output: Value): boolean {
  const shape = output.type?.shape
  return (
    /(^|[._/])loss$/i.test(output.name) &&
    isFloat(output.type?.dtype) &&
    !!shape &&
    elementCount(shape).constant === 1
  )
}

function lossOutput(ctx: CompileContext): Value {
  const { graph } = ctx.model
  const found = graph.outputs.find(isLoss) ?? (graph.outputs.length === 1 ? graph.outputs[0] : undefined)
  if (found) return found
  throw new CompileError(
    'loss-output-missing',
    `say which output is the loss, --loss output:<name>: ${listOutputs(graph)}`,
  )
}
