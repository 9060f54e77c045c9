/** Generated bindings compile under `strict`, fit ONNX Runtime's tensors, and refuse misuse. */
import path from 'node:path'
import { ModuleKind, ModuleResolutionKind, Project, ScriptTarget } from 'ts-morph'
import { beforeAll, expect, test } from 'vitest'
import { compile } from '../../passes/compile.js'
import { generateBindings, isGenerated } from '../../src/cli/bindings.js'
import type { Manifest } from '../../src/manifest.js'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** Messages of the TypeScript compiler about programs that use bindings, by program; nothing is written to disk. */
function diagnose(programs: Record<string, { bindings: string; usage: string }>): Record<string, string[]> {
  const project = new Project({
    compilerOptions: {
      strict: true,
      noEmit: true,
      noUnusedLocals: true,
      exactOptionalPropertyTypes: true,
      target: ScriptTarget.ES2022,
      module: ModuleKind.NodeNext,
      moduleResolution: ModuleResolutionKind.NodeNext,
      skipLibCheck: true,
      types: [],
    },
  })
  const names = Object.keys(programs)
  for (const [i, { bindings, usage }] of Object.values(programs).entries()) {
    const header = `import * as ort from 'onnxruntime-node'\nimport * as model from './bindings.js'\n`
    project.createSourceFile(path.join(ROOT, `generated-${i}/bindings.ts`), bindings)
    project.createSourceFile(
      path.join(ROOT, `generated-${i}/usage.ts`),
      `${header}${usage}\nexport { ort, model }\n`,
    )
  }
  const found: Record<string, string[]> = Object.fromEntries(names.map((name) => [name, []]))
  for (const diagnostic of project.getPreEmitDiagnostics()) {
    const text = diagnostic.getMessageText()
    const index = /generated-(\d+)/.exec(diagnostic.getSourceFile()?.getFilePath() ?? '')?.[1]
    found[names[Number(index)]!]!.push(typeof text === 'string' ? text : text.getMessageText())
  }
  return found
}

const USE = `
const mask: model.Mask = { ...model.keepAll(), 'transformer.h.1.mlp': false }
const keeps = model.keepFeeds(mask, (keep) => new ort.Tensor('bool', [keep], []))
const batch: model.Batch = {
  input_ids: new ort.Tensor('int64', new BigInt64Array(8), [1, 8]),
  attention_mask: new ort.Tensor('int64', new BigInt64Array(8), [1, 8]),
  labels: new ort.Tensor('int64', new BigInt64Array(8), [1, 8]),
}
export function step(weights: model.Weights, run: (feeds: model.TrainingFeeds) => model.TrainingResults): Float32Array {
  const results = run({ ...batch, ...keeps, ...weights })
  const shape: readonly [16, 48] = model.parameters['transformer.h.0.attn.c_attn.weight'].shape
  return shape[0] === 16 ? results['transformer.wte.weight_grad'].data : new Float32Array(results.loss.data)
}
export function optimize(feeds: model.OptimizerFeeds, run: (feeds: model.OptimizerFeeds) => model.OptimizerResults) {
  return [feeds.learning_rate.data, feeds['transformer.ln_f.bias_m'].data, run(feeds)['transformer.ln_f.bias_step_next'].data]
}
`

const MISUSES: Record<string, readonly [usage: string, message: RegExp]> = {
  'a site that does not exist': [
    `export const mask: model.Mask = { ...model.keepAll(), 'transformer.h.9.mlp': false }`,
    /h\.9\.mlp/,
  ],
  'a forgotten site': [`export const mask: model.Mask = { 'transformer.h.0.attn': true }`, /missing/],
  'a wrong element type': [
    `export const ids: model.Batch['input_ids'] = new ort.Tensor('int32', new Int32Array(8), [8])`,
    /int32/,
  ],
  'a gradient that does not exist': [
    `export const f = (r: model.TrainingResults) => r['lm_head.weight_grad']`,
    /lm_head\.weight_grad/,
  ],
  'a hyperparameter that does not exist': [
    `export const f = (h: model.Hyperparameters) => h.momentum`,
    /momentum/,
  ],
  'a wrong shape': [
    `export const s: [16, 47] = model.parameters['transformer.h.0.attn.c_attn.weight'].shape`,
    /readonly/,
  ],
}

let text: string
let messages: Record<string, string[]>
beforeAll(() => {
  const { manifest } = compile(path.join(ROOT, 'test/models/gpt2.onnx'))
  text = generateBindings(manifest, 'gpt2.dropbp')
  const bare: Manifest = { ...manifest, sites: [], loss: { ...manifest.loss, labels: null } }
  const inputs = [{ name: "it's\\a", dtype: 'float32', shape: [2] }]
  messages = diagnose({
    use: { bindings: text, usage: USE },
    'no sites': {
      bindings: generateBindings(bare, 'x'),
      usage: `export const f = (w: model.Weights, b: model.Batch): model.TrainingFeeds => ({ ...w, ...b })`,
    },
    'odd names': { bindings: generateBindings({ ...manifest, inputs }, 'x'), usage: '' },
    ...Object.fromEntries(
      Object.entries(MISUSES).map(([what, [usage]]) => [what, { bindings: text, usage }]),
    ),
  })
}, 120_000)

test.each(['use', 'no sites', 'odd names'])('compiles under strict: %s', (program) => {
  expect(messages[program]).toEqual([])
})

test.each(Object.entries(MISUSES))('refuses %s', (what, [, message]) => {
  expect(messages[what]).toEqual([expect.stringMatching(message)])
})

test('imports nothing and knows itself', () => {
  expect(text).not.toMatch(/\bimport\b/)
  expect(isGenerated(text)).toBe(true)
  expect(isGenerated('/** Mine. */')).toBe(false)
})
