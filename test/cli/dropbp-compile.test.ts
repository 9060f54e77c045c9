/** `dropbp-compile` as its users see it: flags, report, JSON, files, exit codes. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Summary } from '../../src/cli/compile/summary.js'
import type { Manifest } from '../../src/manifest.js'
import { runCompile } from '../helpers/run-compile.js'

const MODELS = path.resolve(import.meta.dirname, '../models')
const GPT2 = path.join(MODELS, 'gpt2.onnx')

let root: string
let out: string
beforeAll(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-compile-'))
})
beforeEach(() => {
  out = path.join(fs.mkdtempSync(path.join(root, 'case-')), 'out')
})
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))

const manifest = (directory = out): Manifest =>
  JSON.parse(fs.readFileSync(path.join(directory, 'manifest.json'), 'utf8')) as Manifest

async function summary(...args: string[]): Promise<Summary & { ok: boolean }> {
  const ran = await runCompile([GPT2, '--json', ...args])
  expect(ran).toMatchObject({ code: 0, err: '' })
  return JSON.parse(ran.out) as Summary & { ok: boolean }
}

describe('files', () => {
  test('the compiled directory, and a report of it on stdout', async () => {
    const ran = await runCompile([GPT2, '-o', out])
    expect(ran).toMatchObject({ code: 0, err: '' })
    expect(fs.readdirSync(out, { recursive: true }).sort()).toEqual([
      'annotated_model.onnx',
      'checkpoint',
      'checkpoint/params.safetensors',
      'eval_model.onnx',
      'manifest.json',
      'optimizer_model.onnx',
      'optimizer_slice_model.onnx',
      'training_model.onnx',
    ])
    expect(ran.out).toMatch(/transformer\.h\.\{0\.\.1\}\.attn +attention +2 /)
    expect(ran.out).toMatch(/relative +100\.0% +\d+\.\d% +\d+\.\d% +\d+\.\d%/)
    expect(ran.out).toContain(`wrote ${out}`)
    for (const line of ran.out.split('\n')) expect(line).toBe(line.trimEnd())
  })

  test('beside the model by default', async () => {
    const model = path.join(path.dirname(out), 'tiny.onnx')
    fs.copyFileSync(GPT2, model)
    expect((await runCompile([model])).code).toBe(0)
    expect(manifest(path.join(path.dirname(out), 'tiny.dropbp')).source.file).toBe('tiny.onnx')
  })

  test('an empty directory is filled with --force, a compiled one replaced', async () => {
    fs.mkdirSync(out)
    for (const optimizer of ['adamw', 'sgd']) {
      expect((await runCompile([GPT2, '-o', out, '--force', '--optimizer', optimizer])).code).toBe(0)
      expect(manifest().optimizer.kind).toBe(optimizer)
    }
    expect(fs.readdirSync(path.dirname(out))).toEqual(['out'])
  })

  test('bindings into the directory, or where they are asked for', async () => {
    const file = path.join(path.dirname(out), 'model.ts')
    expect((await runCompile([GPT2, '--bindings', '-o', out])).code).toBe(0)
    expect((await runCompile([GPT2, `--bindings=${file}`, '-o', `${out}2`])).code).toBe(0)
    expect(fs.readFileSync(path.join(out, 'bindings.ts'), 'utf8')).toContain(`'transformer.h.0.attn'`)
    expect(fs.readFileSync(file, 'utf8')).toContain(`'transformer.h.0.attn'`)
    fs.writeFileSync(file, 'my own')
    const refused = await runCompile([GPT2, `--bindings=${file}`, '-o', `${out}3`])
    expect(refused).toMatchObject({ code: 3, out: '' })
    expect(fs.existsSync(`${out}3`)).toBe(false)
  })
})

describe('flags', () => {
  test('--json is one object on stdout, in agreement with the manifest', async () => {
    const { ok, sites, files, step, ...rest } = await summary('-o', out, '--at', 'batch=2,seq=16')
    expect({ ok, ...rest }).toMatchObject({ ok: true, output: out, dims: { batch: 2, seq: 16 }, check: null })
    expect(sites.map((s) => s.name)).toEqual(manifest().sites.map((s) => s.name))
    expect(files).toContainEqual({
      file: 'manifest.json',
      bytes: fs.statSync(path.join(out, 'manifest.json')).size,
    })
    expect(step.map((s) => s.dropRate)).toEqual([0, 0.5, 0.75, 0.9])
    const { forward, backward } = rest.flops
    expect(step[0]!.flops).toBe(forward + backward)
    const droppable = sites.reduce((n, s) => n + s.flops.backward, 0)
    expect(step[2]!.flops).toBeCloseTo(forward + backward - 0.75 * droppable, 0)
  })

  test('a dry run writes nothing', async () => {
    const { output, files } = await summary('--dry-run', '-o', out)
    expect({ output, files, exists: fs.existsSync(out) }).toEqual({ output: null, files: [], exists: false })
  })

  test('--train, --freeze and --sites', async () => {
    const s = await summary(
      '--dry-run',
      '--train',
      '*.attn.*,*.mlp.*',
      '--freeze',
      '*.bias',
      '--sites',
      '*.mlp',
    )
    const trained = s.parameters.filter((p) => p.trainable).map((p) => p.name)
    expect(trained.length).toBeGreaterThan(0)
    expect(trained.every((name) => /\.(attn|mlp)\..*weight$/.test(name))).toBe(true)
    expect(s.sites.map((site) => site.kind)).toEqual(['mlp', 'mlp'])
  })

  test('a flag given twice: the last counts, globs add up', async () => {
    const s = await summary(
      '--dry-run',
      '--optimizer',
      'sgd',
      '--optimizer',
      'adamw',
      '--freeze',
      '*.wte.*',
      '--freeze',
      '*.wpe.*',
    )
    expect(s.optimizer).toBe('adamw')
    expect(s.parameters.filter((p) => !p.trainable).map((p) => p.name)).toEqual(
      expect.arrayContaining(['transformer.wte.weight', 'transformer.wpe.weight']),
    )
  })

  test.each([
    ['--recompute'],
    ['--recompute=mlp'],
    ['--recompute', 'attention,mlp'],
    ['--flat'],
    ['--loss', 'token'],
    ['--loss', 'token:logits'],
  ])('%s %s compiles and passes its own checks', async (...flags) => {
    const ran = await runCompile([...flags.filter(Boolean), GPT2, '--dry-run', '--check'])
    expect(ran.err).toBe('')
    expect(ran.code).toBe(0)
    expect(ran.out).toContain('checks passed')
  })

  test('--recompute alone leaves the model its argument', async () => {
    expect(await runCompile(['--recompute', GPT2, '--dry-run'])).toMatchObject({ code: 0 })
  })

  test('--print-after prints the program; the report moves to stderr', async () => {
    const ran = await runCompile([GPT2, '--dry-run', '--print-after', 'insert-dropbp'])
    expect(ran.code).toBe(0)
    expect(ran.out).toMatch(/^# after insert-dropbp\n/)
    expect(ran.out.match(/com\.dropbp\.DropBP/g)).toHaveLength(4)
    expect(ran.err).toContain('4 sites')
  })

  test('--print-after=all prints every pass', async () => {
    const ran = await runCompile([GPT2, '--dry-run', '--print-after=all'])
    expect(ran.out.match(/^# after .*/gm)!.length).toBeGreaterThan(8)
  })

  test('--verbose names every site, parameter and declined candidate', async () => {
    const { out: text } = await runCompile([GPT2, '--dry-run', '--verbose'])
    for (const name of ['transformer.h.1.mlp', 'transformer.h.1.mlp.c_proj.bias'])
      expect(text).toContain(name)
    expect(text).toMatch(/transformer\.wte\.weight .*tied with/)
  })

  test('--check reports every comparison', async () => {
    const s = await summary('--check', '-o', out)
    expect(s.check).toMatchObject({ passed: true, dims: { batch: 2, seq: 8 } })
    expect(new Set(s.check!.results.map((r) => r.name))).toEqual(
      new Set([
        'annotated model',
        'evaluation graph',
        'training graph',
        'gradients present',
        'masked loss',
        'absent gradients',
        'kept gradients',
        'optimizer',
        'gradient',
      ]),
    )
    expect(fs.existsSync(out)).toBe(true)
  })

  test('--help and --version', async () => {
    const help = await runCompile(['--help'])
    expect(help).toMatchObject({ code: 0, err: '' })
    for (const flag of [
      '--out',
      '--force',
      '--loss',
      '--train',
      '--freeze',
      '--sites',
      '--optimizer',
      '--recompute',
      '--dry-run',
      '--json',
      '--print-after',
      '--check',
    ]) {
      expect(help.out).toContain(flag)
    }
    expect(await runCompile(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    })
  })
})

describe('wrong flags', () => {
  test.each([
    [[], 'missing-model', /name the model/],
    [[GPT2, 'b.onnx'], 'extra-argument', /b\.onnx/],
    [[GPT2, '--lose', 'mse'], 'unknown-flag', /--lose; did you mean --loss\?/],
    [[GPT2, '--dryrun'], 'unknown-flag', /did you mean --dry-run\?/],
    [[GPT2, '-x'], 'unknown-flag', /no -x/],
    [[GPT2, '--loss', 'casual-lm'], 'bad-value', /did you mean causal-lm\?/],
    [[GPT2, '--loss', 'output:'], 'bad-value', /name the output/],
    [
      [GPT2, '--optimizer', 'adam'],
      'bad-value',
      /expected adamw, sgd, lion, adafactor; did you mean adamw\?/,
    ],
    [[GPT2, '--recompute=atention'], 'bad-value', /did you mean attention\?/],
    [[GPT2, '--print-after', 'differentiat'], 'bad-value', /did you mean differentiate\?/],
    [[GPT2, '--print-after', 'gate', '--json'], 'conflicting-flags', /stdout/],
    [[GPT2, '--dry-run', '--bindings'], 'conflicting-flags', /dry run/],
    [[GPT2, '--at', 'batch'], 'bad-value', /<dimension>=<size>/],
    [[GPT2, '--out'], 'missing-value', /out/],
    [[GPT2, '--dry-run', '--train', 'nothing.*'], 'no-such-parameter', /nothing/],
    [[GPT2, '--dry-run', '--sites', '*.mpl'], 'no-such-site', /did you mean/],
  ])('%j → %s', async (args, code, message) => {
    const ran = await runCompile(args)
    expect(ran.code).toBe(2)
    if (args.includes('--json')) expect(JSON.parse(ran.out)).toMatchObject({ ok: false, error: { code } })
    else expect(ran.out).toBe('')
    expect(ran.err).toMatch(new RegExp(`^dropbp-compile: ${code}: `))
    expect(ran.err).toMatch(message)
  })
})

describe('on a terminal', () => {
  test('progress on stderr, a line that is taken away; colours', async () => {
    const ran = await runCompile([GPT2, '--dry-run'], { terminal: true })
    expect(ran.err).toContain('differentiate')
    expect(ran.err.endsWith('\r\x1b[K')).toBe(true)
    expect(ran.out).toContain('\x1b[1m')
  })

  test('NO_COLOR', async () => {
    vi.stubEnv('NO_COLOR', '1')
    const ran = await runCompile([GPT2, '--dry-run'], { terminal: true })
    vi.unstubAllEnvs()
    expect(ran.out).not.toContain('\x1b[')
    expect(ran.err).not.toContain('\x1b[2m')
  })
})
