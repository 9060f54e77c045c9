/** `--check` finds what is wrong: graphs are damaged on purpose, one at a time. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileModel } from '../../passes/compile.js'
import { ownersOf } from '../../passes/find-residual-branches.js'
import { checkCompiled } from '../../src/cli/check/check.js'
import type { CheckSubject } from '../../src/cli/check/bench.js'
import { referenceLoss } from '../../src/cli/check/reference-loss.js'
import type { CheckReport } from '../../src/cli/check/results.js'
import { Node, Value, type Model } from '../../src/ir.js'
import type { Manifest } from '../../src/manifest.js'
import { loadModel, saveModel } from '../../src/onnx/index.js'
import { Tensor } from '../../src/tensor.js'
import { parseModel } from '../../src/text.js'
import { runCompile } from '../helpers/run-compile.js'

const GPT2 = path.resolve(import.meta.dirname, '../models/gpt2.onnx')

let root: string
let subject: CheckSubject
beforeAll(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-check-'))
  const source = loadModel(GPT2)
  const { manifest, context, write } = compileModel(source)
  write(path.join(root, 'right'))
  const lossOutput = context.loss!.from!
  subject = {
    directory: path.join(root, 'right'),
    manifest,
    source,
    sourceFile: GPT2,
    lossOutput,
    owners: new Map(context.parameters.map((p) => [p.name, ownersOf(p)])),
    flat: false,
  }
}, 60_000)
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))

/** Names of what failed. */
function failures({ results }: CheckReport): string[] {
  return results
    .filter((r) => !r.passed)
    .map((r) => (r.name === 'gradient' ? `${r.name} ${r.detail}` : r.name))
}

/** Checks a copy with one graph changed. */
async function damaged(model: keyof Manifest['models'], change: (model: Model) => void): Promise<string[]> {
  const directory = fs.mkdtempSync(path.join(root, 'wrong-'))
  fs.cpSync(subject.directory, directory, { recursive: true })
  const file = path.join(directory, subject.manifest.models[model])
  const loaded = loadModel(file)
  change(loaded)
  saveModel(loaded, `${file}.changed`)
  fs.renameSync(`${file}.changed`, file)
  const report = await checkCompiled({ ...subject, directory }, {})
  expect(report.passed).toBe(failures(report).length === 0)
  return failures(report)
}

/** Multiplies an output by a factor. */
function scale(name: string, factor: number) {
  return ({ graph }: Model): void => {
    const index = graph.outputs.findIndex((v) => v.name === name)
    const old = graph.outputs[index]!
    old.name = `${name} before`
    const by = graph.addInitializer('factor', Tensor.scalar('float32', factor))
    const scaled = new Value(name, old.type)
    graph.addNode(new Node('Mul', [old, by], [scaled]))
    graph.setOutput(index, scaled)
  }
}

describe('a compiled model', () => {
  test('that is right passes', async () => {
    const report = await checkCompiled(subject, {})
    expect(failures(report)).toEqual([])
    expect(report.results.every((r) => r.conclusive)).toBe(true)
  })

  test('with a gradient 10% too large', async () => {
    const found = await damaged('training', scale('transformer.wte.weight_grad', 1.1))
    expect(found).toEqual(['gradient transformer.wte.weight'])
  })

  test('with a gradient of the wrong sign in one of its layers', async () => {
    const found = await damaged('training', scale('transformer.h.1.mlp.c_fc.weight_grad', -1))
    expect(found).toEqual(['gradient transformer.h.{0..1}.mlp.c_fc.weight'])
  })

  test('with a gradient that is all zeros', async () => {
    const found = await damaged('training', scale('transformer.ln_f.bias_grad', 0))
    expect(found).toEqual(['gradient transformer.ln_f.bias'])
  })

  test('whose losses are off', async () => {
    const found = await damaged('eval', scale('loss', 1.001))
    expect(found).toEqual(expect.arrayContaining(['evaluation graph', 'training graph']))
  })

  test('whose annotated graph computes something else', async () => {
    expect(await damaged('annotated', scale('logits', 1.001))).toEqual(['annotated model'])
  })

  test('whose optimizer steps wrong', async () => {
    expect(await damaged('optimizer', scale('transformer.wte.weight_next', 1.01))).toEqual(['optimizer'])
  })

  test('whose gates ignore a mask', async () => {
    const found = await damaged('training', ({ graph }) => {
      const keep = graph.inputs.find((v) => v.name === 'keep/transformer.h.0.mlp')!
      keep.replaceAllUsesWith(graph.addInitializer('always', Tensor.scalar('bool', 1)))
    })
    expect(found).toEqual(['absent gradients'])
  })

  test('whose branch depends on another gate than its own', async () => {
    const found = await damaged('training', ({ graph }) => {
      const [first, second] = ['0', '1'].map((layer) =>
        graph.inputs.find((v) => v.name === `keep/transformer.h.${layer}.mlp`)!,
      )
      const spare = new Value('spare')
      first!.replaceAllUsesWith(spare)
      second!.replaceAllUsesWith(first!)
      spare.replaceAllUsesWith(second!)
    })
    expect(found).toContain('absent gradients')
  })
})

describe('reference losses', () => {
  const labels = (ignoreIndex?: number) => ({ name: 'labels', dtype: 'int64', shape: [], ignoreIndex })
  const tensor = (shape: number[], data: number[]) => ({ shape, data })

  test('cross-entropy: counted labels only, shifted or not', () => {
    const logits = tensor([1, 3, 2], [0, 0, 2, 0, 0, 1])
    const [flat, first] = [Math.log(2), Math.log(1 + Math.exp(-2))]
    const loss = { kind: 'token', output: 'loss', labels: labels(-100) } as const
    expect(referenceLoss(loss, logits, tensor([1, 3], [1, 0, -100]))).toBeCloseTo((flat + first) / 2, 12)
    expect(referenceLoss({ ...loss, kind: 'causal-lm' }, logits, tensor([1, 3], [1, -100, 0]))).toBeCloseTo(
      first,
      12,
    )
    expect(
      referenceLoss({ ...loss, kind: 'class' }, tensor([2, 2], [0, 0, 2, 0]), tensor([2], [1, 1])),
    ).toBeCloseTo((flat + first + 2) / 2, 12)
  })

  test('mean square, binary cross-entropy, an output', () => {
    const x = tensor([2, 1], [0.5, -40])
    expect(
      referenceLoss({ kind: 'mse', output: 'loss', labels: labels() }, x, tensor([2, 1], [1, -40])),
    ).toBe(0.125)
    const bce = referenceLoss({ kind: 'bce', output: 'loss', labels: labels() }, x, tensor([2, 1], [1, 1]))
    expect(bce).toBeCloseTo((Math.log1p(Math.exp(-0.5)) + 40) / 2, 12)
    expect(referenceLoss({ kind: 'output', output: 'loss', labels: null }, tensor([], [3]), null)).toBe(3)
  })
})

test('a decoder with cached keys and values, before and after its logits, is checked with an empty cache', async () => {
  const text = `<ir_version: 10, opset_import: ["" : 20]>
    decoder (int64[batch, seq] input_ids, int64[batch, total] attention_mask, float[batch, past, 4] "past_key_values.0.key", bool[1] use_cache_branch)
      => (float[batch, all, 4] "present.0.key", float[batch, seq, 6] logits)
      <float[6, 4] "wte.weight" = {${wave(24)}}, float[4, 4] "k.weight" = {${wave(16)}}, float[4, 6] "head.weight" = {${wave(24)}}, int64[1] one = {1}, int64[1] two = {2}> {
        x = Gather ("wte.weight", input_ids)
        now = MatMul (x, "k.weight")
        "present.0.key" = Concat <axis = 1> ("past_key_values.0.key", now)
        scores = Einsum <equation = "bqc,bkc->bqk"> (x, "present.0.key")
        open = Cast <to = 1> (attention_mask)
        wide = Unsqueeze (open, one)
        shares = Softmax <axis = -1> (scores)
        seen = Mul (shares, wide)
        read = MatMul (seen, "present.0.key")
        y = Add (x, read)
        logits = MatMul (y, "head.weight")
      }`
  const file = path.join(root, 'past.onnx')
  saveModel(parseModel(text), file)
  const ran = await runCompile([file, '--dry-run', '--check', '--json', '--loss', 'causal-lm'])
  expect(ran.err).toBe('')
  const { check } = JSON.parse(ran.out) as { check: CheckReport }
  expect(check.passed).toBe(true)
  expect(check.dims).toEqual({ batch: 2, seq: 8 })
})

function wave(n: number): string[] {
  return Array.from({ length: n }, (_, i) => Math.sin(i + 1).toFixed(3))
}
