/** The examples of docs/custom-operators.md do what the page says. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadModel, saveModel } from '../../src/onnx/index.js'
import { parseModel } from '../../src/text.js'
import { feed, runModel } from '../helpers/expect-pass.js'
import { runCompile } from '../helpers/run-compile.js'

const PAGE = fs.readFileSync(path.resolve(import.meta.dirname, '../../docs/custom-operators.md'), 'utf8')
const X = [0.3, -1.2, 2, 0.7]
const W = [0.5, -0.25, 1, 0.75]

let root: string
beforeAll(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-rules-'))
  for (const [, code, name] of PAGE.matchAll(/```js\n(\/\/ (.*\.mjs)\n[^]*?)```/g))
    fs.writeFileSync(path.join(root, name!), code!)
  const text = `<ir_version: 10, opset_import: ["" : 20, "acme" : 1]>
    g (float[4] x) => (float loss) <float[4] "scale.weight" = {${W}}> {
      h = Mul (x, "scale.weight")
      s = acme.Snake (h)
      loss = ReduceMean <keepdims = 0> (s)
    }`
  saveModel(parseModel(text), path.join(root, 'model.onnx'))
})
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))

const at = (name: string): string => path.join(root, name)
const compile = (rules: string, ...flags: string[]) =>
  runCompile([at('model.onnx'), '--rules', at(rules), '--loss', 'output:loss', ...flags])

test('without rules the operator is named', async () => {
  const ran = await runCompile([at('model.onnx'), '--dry-run'])
  expect(ran).toMatchObject({ code: 1 })
  expect(ran.err).toMatch(/unsupported-operator: [^]*acme::Snake/)
})

test('lowered: the training graph runs, and its gradient is right', async () => {
  const ran = await compile('rules.mjs', '-o', at('lowered'))
  expect(ran).toMatchObject({ code: 0, err: '' })
  const model = loadModel(at('lowered/training_model.onnx'))
  const outputs = await runModel(model, {
    x: feed('float32', [4], X),
    'scale.weight': feed('float32', [4], W),
  })
  const slopes = X.map((x, i) => (x * (1 + Math.sin(2 * x * W[i]!))) / 4)
  outputs['scale.weight_grad']!.data.forEach((g, i) => expect(g).toBeCloseTo(slopes[i]!, 5))
})

test('with a gradient rule the node stays', async () => {
  expect(await compile('kernel-rules.mjs', '-o', at('kept'))).toMatchObject({ code: 0, err: '' })
  const ops = [...loadModel(at('kept/training_model.onnx')).graph.nodes].map((n) => n.qualifiedOp)
  expect(ops).toContain('acme::Snake')
  expect(ops).toContain('Sin')
})

test.each([
  ['no default export', 'export const rules = {}', /default export/],
  ['a syntax error', 'export default {', /cannot be loaded/],
  ['no type rule', "export default { 'acme::Snake': { grad: 'none' } }", /"acme::Snake" lacks a type rule/],
  [
    'no gradient rule',
    "export default { 'acme::Snake': { infer() {} } }",
    /"acme::Snake" lacks a gradient rule/,
  ],
])('a rules file with %s', async (what, code, message) => {
  const file = `${what.replaceAll(' ', '-')}.mjs`
  fs.writeFileSync(at(file), code)
  const ran = await compile(file, '--dry-run')
  expect(ran.code).toBe(2)
  expect(ran.err).toMatch(message)
})

test('a rules file that is not there', async () => {
  expect(await compile('none.mjs', '--dry-run')).toMatchObject({ code: 3 })
})
