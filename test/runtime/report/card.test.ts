/** The model card tells what the training was and how its result does; and which weights were written. */
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { History, modelCard, openCompiled, readSafetensors, type RunFacts } from '../../../runtime/index.js'
import { main } from '../../../src/cli/dropbp-train.js'
import { temporaryDirectory, TINY, TOKENS } from '../tiny.js'

const facts: RunFacts = {
  model: 'tiny.dropbp',
  trainable: 4496,
  parameters: 5000,
  sites: [{ name: 'h.0', kind: 'mlp' }],
  steps: 100,
  data: '48 windows',
  optimizer: 'adamw',
  dropRate: 0.5,
  settings: { data: ['/home/somebody/train.txt'], 'learning-rate': 0.001, 'drop-rate': 0.5 },
}

function history(): History {
  const made = new History()
  for (const step of [50, 100])
    made.add({
      type: 'evaluation',
      step,
      loss: step / 50,
      perplexity: 3.5,
      accuracy: 0.5,
      batches: 1,
      best: step === 50,
    })
  return made
}

describe('the card', () => {
  const { manifest } = openCompiled(TINY)
  const card = modelCard({ facts, history: history(), manifest, step: 50, files: ['/out/model.onnx'] })

  it('gives the evaluation of the weights that were written, not of the last ones', () => {
    expect(card).toContain('| weights of step | 50 of 100 |')
    expect(card).toContain('| validation loss | 1.0000 (step 50) |')
    expect(card).toContain('| accuracy | 50.0% |')
  })

  it('names the source by its hash, and no path of the machine', () => {
    expect(card).toContain(manifest.source.sha256)
    expect(card).toContain('| data | train.txt |')
    expect(card).not.toContain('/home/somebody')
  })

  it('has front matter and closed tables', () => {
    expect(card).toMatch(/^---\nlibrary_name: onnx\n/)
    for (const line of card.split('\n').filter((l) => l.startsWith('|'))) expect(line).toMatch(/\|$/)
  })
})

it('--keep-best writes the weights of the best validation', async () => {
  const out = temporaryDirectory()
  // A rate that ruins the model sooner or later.
  const flags = [
    '--data',
    TOKENS,
    '--seq',
    '8',
    '--batch',
    '2',
    '--threads',
    '1',
    '--lr',
    '0.4',
    '--steps',
    '30',
  ]
  const more = ['--evaluate-every', '3', '--schedule', 'constant', '--keep-best', '--json', '--out', out]
  expect(await main([TINY, ...flags, ...more])).toBe(0)
  const card = fs.readFileSync(path.join(out, 'README.md'), 'utf8')
  const best = Number(/weights of step \| (\d+) of 30/.exec(card)![1])
  expect(best).toBeLessThan(30)
  const checkpoint = path.join(
    out,
    'checkpoint',
    `step-${String(best).padStart(8, '0')}`,
    'params.safetensors',
  )
  expect(readSafetensors(path.join(out, 'model.safetensors'))).toEqual(readSafetensors(checkpoint))
})
