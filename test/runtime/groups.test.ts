/** Parameter groups: who decays, and whose learning rate differs. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  Batches,
  openCompiled,
  resolveGroups,
  TokenWindows,
  readTokens,
  Trainer,
  type TrainerOptions,
} from '../../runtime/index.js'
import { compile } from '../../src/index.js'
import { openTiny, TINY } from './tiny.js'

let root: string
let directory: string
beforeAll(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'groups-'))
  directory = path.join(root, 'model')
  compile(path.resolve(import.meta.dirname, '../models/gpt2.onnx'), { loss: { kind: 'causal-lm' } }).write(
    directory,
  )
})
afterAll(() => rmSync(root, { recursive: true }))

describe('resolution', () => {
  const decays = (options: Parameters<typeof resolveGroups>[1]) => {
    const { manifest } = openCompiled(directory)
    const { weightDecay } = resolveGroups(manifest, options, 0.1)!
    return Object.fromEntries(
      manifest.parameters.filter((p) => p.trainable).map((p, i) => [p.name, weightDecay[i]]),
    )
  }

  it('neither biases nor the weights of norms decay', () => {
    for (const [name, decay] of Object.entries(decays({})))
      expect(decay, name).toBe(/bias$|ln_\w+\.weight$/.test(name) ? 0 : 0.1)
  })

  it('all do where that is asked for: one value is enough', () => {
    expect(resolveGroups(openCompiled(directory).manifest, { decayed: 'all' }, 0.1)).toBeNull()
  })

  it('the first group that matches counts; names of modules stand for what lies in them', () => {
    const { manifest } = openCompiled(directory)
    const groups = [
      { parameters: 'transformer.h.0', learningRateScale: 0.5 },
      { parameters: ['transformer.h.*.mlp', '*wte*'], learningRateScale: 2, weightDecay: 0.3 },
    ]
    const { learningRateScale, weightDecay } = resolveGroups(manifest, { groups }, 0.1)!
    const trainable = manifest.parameters.filter((p) => p.trainable)
    trainable.forEach(({ name, shape }, i) => {
      const first = name.startsWith('transformer.h.0.')
      const second = !first && /\.mlp\.|wte/.test(name)
      expect(learningRateScale[i], name).toBe(first ? 0.5 : second ? 2 : 1)
      expect(weightDecay[i], name).toBe(second ? 0.3 : shape.length > 1 ? 0.1 : 0)
    })
  })

  it('a group that matches nothing is an error', () => {
    const groups = [{ parameters: 'head', learningRateScale: 2 }]
    expect(() => resolveGroups(openCompiled(directory).manifest, { groups }, 0)).toThrow(
      expect.objectContaining({ code: 'no-such-parameter' }),
    )
  })

  it('directories compiled before groups are trained as before, and say so when asked for more', async () => {
    expect(resolveGroups(openCompiled(TINY).manifest, {}, 0.1)).toBeNull()
    await expect(openTiny({ decayed: 'matrices' })).rejects.toMatchObject({ code: 'no-groups' })
  })
})

describe('training', () => {
  async function after(options: Partial<TrainerOptions>): Promise<Map<string, Float32Array>> {
    const trainer = await Trainer.open(directory, {
      steps: 3,
      learningRate: 0.01,
      hyperparameters: { weight_decay: 0.5 },
      session: { threads: 1 },
      ...options,
    })
    const tokens = readTokens(path.resolve(import.meta.dirname, '../parity/tokens.bin'))
    const data = new Batches(trainer.compiled.manifest, new TokenWindows(tokens, 10), { batch: 2 })
    for (let i = 0; i < 3; i++) await trainer.trainStep([data.next()])
    const values = trainer.state.storedParameters()
    await trainer.release()
    return new Map(values.map(([name, t]) => [name, Float32Array.from(t.data as Float32Array)]))
  }

  it('a factor of 0 freezes a group; the others are not affected by the vectors', async () => {
    const start = await after({ learningRate: 0 })
    const plain = await after({ decayed: 'all' })
    const grouped = await after({ decayed: 'all', groups: [{ parameters: '*.mlp.*', learningRateScale: 0 }] })
    for (const [name, value] of grouped) {
      if (name.includes('.mlp.')) expect(value, name).toEqual(start.get(name))
      else expect(value, name).not.toEqual(start.get(name))
    }
    expect(plain.get('transformer.h.0.mlp.c_fc.weight')).not.toEqual(
      start.get('transformer.h.0.mlp.c_fc.weight'),
    )
  })

  it('norms do not decay by default', async () => {
    const [decayed, plain] = [await after({ decayed: 'all' }), await after({})]
    // AdamW moves each element by about the learning rate, whatever its size: the rest is decay.
    const norm = 'transformer.ln_f.weight'
    const loss = plain.get(norm)!.map((x, i) => x - decayed.get(norm)![i]!)
    loss.forEach((x) => expect(x).toBeGreaterThan(0.01))
    loss.forEach((x) => expect(x).toBeLessThan(0.02))
  })
})
