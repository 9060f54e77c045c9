/** Configuration files of dropbp-train: what they say, what flags win over, what is wrong with them. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { readConfig, writeConfig } from '../../src/cli/train/config-file.js'
import { parseFlags } from '../../src/cli/train/flags.js'
import { resolveSettings, storedSettings } from '../../src/cli/train/settings.js'

let root: string
beforeAll(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), 'config-'))))
afterAll(() => fs.rmSync(root, { recursive: true }))

function file(text: string, name = 'run.yaml'): string {
  const where = path.join(root, name)
  fs.writeFileSync(where, text)
  return where
}

const YAML = `
# a run
model: models/gpt.dropbp
data: [train.jsonl, more.jsonl]
tokenizer: bytes
learning-rate: 1e-4
dropRate: 0.75
rates-at: [0.1, 0.5]
lr-scale: lm_head=0.1
policy: lisa
keep-best: true
`

describe('reading', () => {
  it('takes YAML; keys as flags or as in TypeScript; paths relative to the file', async () => {
    expect(await readConfig(file(YAML))).toEqual({
      model: path.join(root, 'models/gpt.dropbp'),
      settings: {
        data: [path.join(root, 'train.jsonl'), path.join(root, 'more.jsonl')],
        tokenizer: 'bytes',
        learningRate: 1e-4,
        dropRate: 0.75,
        ratesAt: [0.1, 0.5],
        lrScale: ['lm_head=0.1'],
        policy: 'lisa',
        keepBest: true,
      },
    })
  })

  it('takes JSON', async () => {
    expect((await readConfig(file('{"data": "a.txt", "steps": 12}', 'run.json'))).settings).toEqual({
      data: [path.join(root, 'a.txt')],
      steps: 12,
    })
  })

  it('takes an empty file', async () => {
    expect(await readConfig(file('# nothing\n'))).toEqual({ settings: {} })
  })
})

describe('flags win', () => {
  it('over the file, which wins over a checkpoint, which wins over defaults', async () => {
    const config = file('data: a.txt\nsteps: 100\nclip: 2\n')
    const { model, settings } = (await parseFlags(['m.dropbp', '-c', config, '--steps', '7'], '1'))!
    expect(model).toBe('m.dropbp')
    const resolved = resolveSettings(settings, { clip: 3, accumulate: 4 })
    expect(resolved).toMatchObject({ steps: 7, clip: 2, accumulate: 4, schedule: 'cosine' })
  })

  it('the model may stand in the file, and need not then be named', async () => {
    const config = file('model: m.dropbp\ndata: a.txt\n')
    expect((await parseFlags(['--config', config], '1'))!.model).toBe(path.join(root, 'm.dropbp'))
  })
})

describe('what is written', () => {
  it('reads back as the same settings', async () => {
    const settings = resolveSettings((await readConfig(file(YAML))).settings, null)
    const where = path.join(root, 'out', 'config.yaml')
    await writeConfig(where, path.join(root, 'models/gpt.dropbp'), {
      ...settings,
      config: 'x',
      resume: '',
      force: true,
    })
    const again = await readConfig(where)
    expect(again.model).toBe(path.join(root, 'models/gpt.dropbp'))
    expect(resolveSettings(again.settings, null)).toEqual(settings)
    expect(parse(fs.readFileSync(where, 'utf8'))).toMatchObject({ 'drop-rate': 0.75, schedule: 'cosine' })
  })

  it('checkpoints keep no more than what a training needs', () => {
    const stored = storedSettings({ ...resolveSettings({ data: ['a'] }, null), out: 'x', json: true })
    expect(stored).not.toHaveProperty('out')
    expect(stored).not.toHaveProperty('json')
    expect(stored).toHaveProperty('dropRate')
  })
})

describe('what is wrong', () => {
  it.each([
    ['lerning-rate: 1', 'config-key', /there is no option "lerning-rate"; did you mean learning-rate\?/],
    ['dropRat: 1', 'config-key', /did you mean drop-rate\?/],
    ['resume: true', 'config-key', /"resume" belongs on the command line: --resume/],
    ['steps: many', 'config-value', /steps: "many": expected a number/],
    ['schedule: steep', 'config-value', /expected one of constant, linear, cosine/],
    ['keep-best: 3', 'config-value', /expected true or false/],
    ['rates-at: [a]', 'config-value', /expected numbers/],
    ['model: 3', 'config-value', /model: expected a word/],
    ['- a\n- b', 'config-syntax', /expected options by name/],
    ['a: [1', 'config-syntax', /run\.yaml: /],
    ['steps: 1\nsteps: 2', 'config-syntax', /unique/i],
  ])('%j', async (text, code, message) => {
    const where = file(text)
    await expect(readConfig(where)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    })
  })

  it('a range', async () => {
    const { settings } = await readConfig(file('data: a\nsteps: 0'))
    expect(() => resolveSettings(settings, null)).toThrow(expect.objectContaining({ code: 'bad-value' }))
  })

  it('no file', async () => {
    await expect(readConfig(path.join(root, 'none.yaml'))).rejects.toMatchObject({ code: 'missing-file' })
  })
})
