/** What a training writes loads back into transformers, and predicts there what the written model predicts. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSession, Trainer, Batches, readTokens, TokenWindows } from '../../runtime/index.js'
import { compile } from '../../src/index.js'
import { missingPython, python } from './python.js'

const MODELS = path.resolve(import.meta.dirname, '../models')
const IDS = [3, 14, 15, 9, 26, 5, 35, 8]
const missing = missingPython('torch', 'transformers', 'safetensors')
if (missing) console.warn(`skipped: ${missing}`)

/** Loads the weights strictly, ties aside, into the model that was exported; prints logits and how many weights were taken. */
const LOAD = `
import json, sys
import torch
from safetensors.torch import load_file
sys.path.insert(0, sys.argv[1])
from export import CASES, build_model
case = next(c for c in CASES if c.name == sys.argv[2])
model = build_model(case).eval()
weights = {name.removeprefix("net."): w for name, w in load_file(sys.argv[3]).items()}
before = {n: p.detach().clone() for n, p in model.named_parameters()}
result = model.load_state_dict(weights, strict=False)
parameters = {n for n, _ in model.named_parameters()}
ids = torch.tensor([json.loads(sys.argv[4])])
with torch.no_grad():
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
print(json.dumps({
    "unexpected": result.unexpected_keys,
    "missing": sorted(parameters & set(result.missing_keys)),
    "changed": sum(not torch.equal(p, before[n]) for n, p in model.named_parameters()),
    "parameters": len(parameters),
    "logits": logits.flatten().tolist(),
}))
`

let root: string
beforeAll(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), 'transformers-'))))
afterAll(() => fs.rmSync(root, { recursive: true }))

interface Loaded {
  unexpected: string[]
  missing: string[]
  changed: number
  parameters: number
  logits: number[]
}

describe.skipIf(missing).each(['gpt2', 'gpt2_ts17', 'llama', 'llama_ts17'])('%s', (name) => {
  test(
    'loads into transformers, every parameter of it, and gives the same logits',
    { timeout: 240_000 },
    async () => {
      const source = path.join(MODELS, `${name}.onnx`)
      const directory = path.join(root, `${name}.dropbp`)
      compile(source, { loss: { kind: 'causal-lm' } }).write(directory)
      const trainer = await Trainer.open(directory, { steps: 3, learningRate: 0.01, session: { threads: 1 } })
      const tokens = readTokens(path.resolve(import.meta.dirname, '../parity/tokens.bin'))
      const data = new Batches(trainer.compiled.manifest, new TokenWindows(tokens, 10), { batch: 2 })
      for (let i = 0; i < 3; i++) await trainer.trainStep([data.next()])
      const [weights, model] = [path.join(root, `${name}.safetensors`), path.join(root, `${name}.onnx`)]
      trainer.exportParameters(weights, source)
      trainer.exportModel(model, source)
      await trainer.release()

      const loaded = JSON.parse(python('-c', LOAD, MODELS, name, weights, JSON.stringify(IDS))) as Loaded
      expect(loaded).toMatchObject({ unexpected: [], missing: [], changed: loaded.parameters })
      const session = await openSession(model, { threads: 1 })
      const tensor = (values: number[]) => ({
        dtype: 'int64',
        shape: [1, IDS.length],
        data: BigInt64Array.from(values, BigInt),
      })
      const feeds = { input_ids: tensor(IDS), attention_mask: tensor(IDS.map(() => 1)) }
      const output = session.outputs[0]!
      const { data: logits } = (await session.run(feeds, { [output]: null }))[output]!
      await session.release()
      expect(logits.length).toBe(loaded.logits.length)
      loaded.logits.forEach((x, i) => expect(Number(logits[i])).toBeCloseTo(x, 4))
    },
  )
})
