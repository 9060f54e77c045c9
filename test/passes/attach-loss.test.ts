/** Losses: which one is chosen, what it adds to the graph, and what it refuses. */
import { describe, expect, it } from 'vitest'
import { attachLoss } from '../../passes/attach-loss.js'
import { canonicalise } from '../../passes/canonicalise.js'
import { foldConstants } from '../../passes/fold-constants.js'
import { inferTypes } from '../../passes/infer-types.js'
import { lowerModel } from '../../passes/lower.js'
import type { CompileContext, CompileOptions } from '../../passes/pass.js'
import { standardOps } from '../../src/ops/index.js'
import { parseModel } from '../../src/text.js'
import { contextOf, expectPass, feed, runModel } from '../helpers/expect-pass.js'
import { about, load, modelNames } from '../helpers/source-models.js'

type Loss = CompileOptions['loss']

/** A program with its loss attached. */
function attached(program: string, loss: Loss = { kind: 'auto' }): CompileContext {
  const ctx = contextOf(parseModel(program), { loss })
  inferTypes.run(ctx)
  attachLoss.run(ctx)
  return ctx
}

const rank3 = (names = 'logits', more = '', body = ''): string =>
  `g (float[batch, seq, 4] x${more}) => (float[batch, seq, 4] ${names}) { ${body} logits = Neg (x) }`
const positions = `sh = Shape (x) len = Gather (sh, one) r = Range (zero, len, one)
  j = Unsqueeze (r, a0) i = Unsqueeze (r, a1) later = Greater (j, i)`
const causal = `g (float[batch, seq, 4] x) => (float[batch, seq, 4] logits, bool[seq, seq] later)
  <int64 zero = {0}, int64 one = {1}, int64[1] a0 = {0}, int64[1] a1 = {1}> { ${positions} logits = Neg (x) }`

describe('auto', () => {
  it.each(modelNames)('%s', (name) => {
    const ctx = contextOf(load(name))
    for (const pass of [canonicalise, inferTypes, foldConstants, attachLoss]) pass.run(ctx)
    expect(ctx.loss!.kind).toBe(about(name).kind === 'causal' ? 'causal-lm' : about(name).kind)
    expect(ctx.loss!.classes).toBe(61)
    expect(ctx.loss!.labels).toMatchObject({ name: 'labels', dtype: 'int64', ignoreIndex: -100 })
    expect(ctx.model.graph.outputs).toEqual([ctx.loss!.output])
  })

  it.each([
    ['token', 'no attention is causal', rank3()],
    ['causal-lm', 'masks later positions', causal],
    ['token', 'its own input', rank3('logits', ', int64[batch, n] decoder_input_ids')],
    [
      'class',
      'one prediction for each',
      'g (float[batch, 4] x) => (float[batch, 4] logits) { logits = Neg (x) }',
    ],
    ['mse', 'one number for each', 'g (float[batch, 1] x) => (float[batch, 1] logits) { logits = Neg (x) }'],
    [
      'output',
      'it is the loss',
      'g (float[2] x) => (float loss, float[2] logits) { logits = Neg (x) loss = ReduceSum <keepdims = 0> (x) }',
    ],
  ])('%s: %s', (kind, why, program) => {
    const ctx = attached(program)
    expect(ctx.loss!.kind).toBe(kind)
    expect(ctx.notes[0]).toContain(why)
  })

  it('takes the one that is named of an image and text model, and asks where none is', () => {
    const program = `g (float[images, 4] x, float[texts, 4] y) =>
      (float[images, texts] logits_per_image, float[texts, images] logits_per_text, float[texts, 4] text_embeds, float[images, 4] image_embeds) {
      image_embeds = Neg (x)  text_embeds = Neg (y)  t = Transpose <perm = [1, 0]> (text_embeds)
      logits_per_image = MatMul (image_embeds, t)  logits_per_text = Transpose <perm = [1, 0]> (logits_per_image) }`
    expect(() => attached(program, { kind: 'class' })).toThrow(
      /could be computed from "logits_per_image" or "logits_per_text"; name one of them, as in --loss class:logits_per_image/,
    )
    const ctx = attached(program, { kind: 'class', output: 'logits_per_text' })
    expect(ctx.loss!.output.producer!.input(0).name).toBe('logits_per_text')
    expect(ctx.loss!.labels!.shape).toEqual(['texts'])
  })

  it('takes the output called logits, and says what is no longer computed', () => {
    const program = `g (float[batch, 4] x) => (float[batch, 4] hidden, float[batch, 4] my_logits, float[batch, 4] other) {
      hidden = Neg (x) my_logits = Abs (x) other = Exp (x) }`
    const ctx = attached(program)
    expect(ctx.loss!.output.producer!.input(0).name).toBe('my_logits')
    expect(ctx.notes[1]).toBe('the training graph does not compute "hidden", "other"')
  })

  it.each([
    [
      'no-logits',
      'g (float[b, s, 4] x) => (float[b, s, 4] last_hidden_state) { last_hidden_state = Neg (x) }',
    ],
    ['no-logits', 'g (float[b, s, 4] x) => (int64[3] y) { y = Shape (x) }'],
    ['no-logits', 'g (float[b, c, h, w] x) => (float[b, c, h, w] y) { y = Neg (x) }'],
    [
      'ambiguous-output',
      'g (float[b, 4] x) => (float[b, 4] start, float[b, 4] end) { start = Neg (x) end = Abs (x) }',
    ],
  ])('%s', (code, program) => {
    expect(() => attached(program)).toThrow(expect.objectContaining({ code }))
  })
})

describe('as asked', () => {
  it('one operator, its labels of the logits’ dimensions', () => {
    expectPass(attachLoss, rank3(), { options: { loss: { kind: 'causal-lm' } } }).toBecome(
      `g (float[batch, seq, 4] x, int64[batch, seq] labels) => (float loss) {
        logits = Neg (x)
        loss = com.dropbp.CrossEntropy <shift = 1, ignore_index = -100> (logits, labels)
      }`,
    )
  })

  it('from the output that is named', () => {
    const program = `g (float[b, 4] x) => (float[b, 4] start, float[b, 4] end) { start = Neg (x) end = Abs (x) }`
    expect(attached(program, { kind: 'class', output: 'end' }).loss!.output.producer!.input(0).name).toBe(
      'end',
    )
  })

  it('a name that is taken is not taken again', () => {
    const program = 'g (float[b, 4] x, float[b, 4] labels) => (float[b, 4] y) { y = Add (x, labels) }'
    expect(attached(program, { kind: 'class' }).loss!.labels!.name).toBe('labels_1')
  })

  it.each<[string, Loss, string]>([
    ['logits-rank', { kind: 'causal-lm' }, 'g (float[b, 4] x) => (float[b, 4] y) { y = Neg (x) }'],
    ['logits-rank', { kind: 'class' }, rank3()],
    ['loss-output-missing', { kind: 'class', output: 'z' }, rank3()],
    ['loss-output-missing', { kind: 'output', output: 'z' }, rank3()],
    ['loss-not-scalar', { kind: 'output', output: 'logits' }, rank3()],
    ['no-logits', { kind: 'class', output: 'y' }, 'g (float[b, 4] x) => (int64[2] y) { y = Shape (x) }'],
  ])('%s', (code, loss, program) => {
    expect(() => attached(program, loss)).toThrow(expect.objectContaining({ code }))
  })

  it('the message lists the outputs', () => {
    expect(() => attached(rank3(), { kind: 'class', output: 'z' })).toThrow(
      'the model has no output "z"; its outputs are "logits" float32[batch, seq, 4]',
    )
  })

  it('an output of one element is made a scalar', () => {
    const { loss } = attached('g (float[1] x) => (float[1] y) { y = Neg (x) }', { kind: 'output' })
    expect(loss!.output.type!.shape).toEqual([])
    expect(loss!.labels).toBeNull()
  })
})

describe('values', () => {
  const run = async (kind: Loss['kind'], labels: number[]) => {
    const { model, loss } = attached('g (float[n, 2] x) => (float[n, 2] y) { y = Neg (x) }', { kind })
    lowerModel(model, standardOps)
    const outputs = await runModel(model, {
      x: feed('float32', [2, 2], [1, -2, 0, 4]),
      [loss!.labels!.name]: feed('float32', [2, 2], labels),
    })
    return Object.values(outputs)[0]!.data[0]
  }

  it('mse is the mean over all elements', async () => {
    expect(await run('mse', [0, 0, 1, -2])).toBeCloseTo((1 + 4 + 1 + 4) / 4, 6)
  })

  it('bce takes logits', async () => {
    const softplus = (x: number): number => Math.log1p(Math.exp(x))
    expect(await run('bce', [0, 1, 1, 0])).toBeCloseTo(
      (softplus(-1) + softplus(-2) + Math.log(2) + softplus(-4)) / 4,
      6,
    )
  })
})
