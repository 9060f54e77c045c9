/** Bad input to `dropbp-compile`: one clear, coded error each, a non-zero exit code, nothing left behind. */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { saveModel } from '../../src/onnx/index.js'
import { parseModel } from '../../src/text.js'
import { runCompile } from '../helpers/run-compile.js'
import { SmallDisk } from '../helpers/small-disk.js'

const MODELS = path.resolve(import.meta.dirname, '../models')
const GPT2 = path.join(MODELS, 'gpt2.onnx')
const CLI = path.resolve(import.meta.dirname, '../../dist/src/cli/dropbp-compile.js')

let root: string
const at = (...names: string[]): string => path.join(root, ...names)
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-bad-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  fs.rmSync(root, { recursive: true, force: true })
})

/** Everything below the test's folder. */
const everything = (): string[] => fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()

/** Compiles a model, which must fail with this, once, and leave everything as it was. */
async function refuses(model: string, code: number, message: RegExp, ...flags: string[]): Promise<void> {
  const before = everything()
  const ran = await runCompile([model, '-o', at('out'), ...flags])
  expect(ran).toMatchObject({ code, out: '' })
  expect(ran.err).toMatch(message)
  expect(ran.err.match(/^dropbp-compile: [a-z0-9-]+: /gm)).toHaveLength(1)
  expect(ran.err).not.toMatch(/\n {4}at /)
  expect(everything()).toEqual(before)
}

function write(name: string, bytes: string | Uint8Array): string {
  fs.writeFileSync(at(name), bytes)
  return at(name)
}

function model(name: string, text: string): string {
  saveModel(parseModel(text), at(name))
  return at(name)
}

describe('what is no model', () => {
  const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13)
  test.each([
    ['text', 'To be, or not to be, that is the question'],
    ['JSON', '{"model": "gpt2"}'],
    ['an image', PNG],
    ['nothing', ''],
    ['a page that a failed download left', '<!DOCTYPE html><html><body>404</body></html>'],
    ['a pointer of Git LFS', 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'],
  ])('%s', async (_what, content) => {
    await refuses(write('model.onnx', content), 3, /dropbp-compile: not-onnx: .*model\.onnx/)
  })

  test('a file cut short, wherever', async () => {
    const whole = fs.readFileSync(GPT2)
    for (const share of [0.01, 0.5, 0.9, 0.999]) {
      const cut = write('cut.onnx', whole.subarray(0, Math.floor(whole.length * share)))
      await refuses(cut, 3, /dropbp-compile: truncated: /)
    }
  })

  test('no file, a directory', async () => {
    await refuses(at('none.onnx'), 3, /missing-file: .*none\.onnx/)
    await refuses(root, 3, /dropbp-compile: [a-z-]+: .*directory/)
  })
})

describe('external data', () => {
  test('that is missing', async () => {
    fs.copyFileSync(path.join(MODELS, 'gpt2_external.onnx'), at('gpt2_external.onnx'))
    await refuses(at('gpt2_external.onnx'), 3, /missing-external-data: .*gpt2_external\.onnx\.data/)
  })

  test('that is too short', async () => {
    fs.copyFileSync(path.join(MODELS, 'gpt2_external.onnx'), at('gpt2_external.onnx'))
    const data = fs.readFileSync(path.join(MODELS, 'gpt2_external.onnx.data'))
    write('gpt2_external.onnx.data', data.subarray(0, data.length / 2))
    await refuses(at('gpt2_external.onnx'), 3, /external-data-short: /)
  })

  test('that leaves the directory', async () => {
    const location = 'gpt2_external.onnx.data'
    const outside = '../t2_external.onnx.dat'
    const bytes = fs.readFileSync(path.join(MODELS, 'gpt2_external.onnx')).toString('latin1')
    fs.mkdirSync(at('inner'))
    fs.copyFileSync(path.join(MODELS, location), at(outside.slice('../'.length)))
    const moved = write('inner/model.onnx', Buffer.from(bytes.replaceAll(location, outside), 'latin1'))
    await refuses(moved, 3, /external-data-path: .*\.\.\/t2_external/)
  })
})

const HEADER = '<ir_version: 10, opset_import: ["" : 20, "acme" : 1]>'

describe('models that cannot be trained as they are', () => {
  const UNSUPPORTED = `${HEADER}
    widgets (float[batch, 4] x) => (float[batch, 4] logits) <float[4, 4] w = {${Array(16).fill(0.5)}}> {
      [first] a = acme.Widget (x)
      [second] b = acme.Gadget (a)
      [third] c = acme.Widget (b)
      logits = MatMul (c, w)
    }`

  test('unsupported operators: all at once, with their nodes and what to do', async () => {
    const file = model('widgets.onnx', UNSUPPORTED)
    await refuses(file, 1, /unsupported-operator: .*2 operators/)
    const { err, code } = await runCompile([file, '--dry-run'])
    expect(code).toBe(1)
    for (const said of ['acme::Widget', '"first"', '"third"', 'acme::Gadget', '"second"', '--rules'])
      expect(err).toContain(said)
    const json = await runCompile([file, '--dry-run', '--json'])
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, error: { code: 'unsupported-operator' } })
  })

  test('no output that a loss fits', async () => {
    const text = `${HEADER} ids (float[4] x) => (int64[1] y) <int64[1] one = {1}> { y = Identity (one) }`
    await refuses(model('ids.onnx', text), 1, /no-logits: .*"y" int64\[1\]/)
  })

  test('no such output', async () => {
    await refuses(GPT2, 1, /loss-output-missing: .*"nll".*"logits"/, '--loss', 'output:nll')
  })

  test('a loss that does not fit', async () => {
    await refuses(GPT2, 1, /logits-rank: .*class loss.*\[batch, classes\]/, '--loss', 'class')
    const { err } = await runCompile([GPT2, '--loss', 'class', '--dry-run'])
    expect(err).toMatch(
      /^found before the failure\n[^]*transformer\.h\.\{0\.\.1\}\.attn\.c_attn\.weight[^]*logits-rank/,
    )
  })

  test('no residual branch: compiles without sites, and says so', async () => {
    const text = `${HEADER}
      mlp (float[batch, 4] x) => (float[batch, 3] logits) <float[4, 8] w = {${wave(32)}}, float[8, 3] v = {${wave(24)}}> {
        h = MatMul (x, w)
        a = Relu (h)
        logits = MatMul (a, v)
      }`
    const ran = await runCompile([model('mlp.onnx', text), '-o', at('out'), '--check'])
    expect(ran).toMatchObject({ code: 0, err: '' })
    expect(ran.out).toMatch(/no sites.*no residual branch/)
    expect(ran.out).toContain('checks passed')
  })
})

function wave(n: number): string[] {
  return Array.from({ length: n }, (_, i) => Math.sin(i + 1).toFixed(3))
}

describe('the output', () => {
  test('exists', async () => {
    fs.mkdirSync(at('out'))
    await refuses(GPT2, 3, /output-exists: .*--force/)
    fs.rmdirSync(at('out'))
    write('out', 'a file')
    await refuses(GPT2, 3, /output-exists: /, '--force')
  })

  test('is a directory of something else', async () => {
    fs.mkdirSync(at('out'))
    write('out/thesis.tex', '')
    await refuses(GPT2, 3, /foreign-directory: /, '--force')
  })

  test('lies below a file', async () => {
    write('file', '')
    const ran = await runCompile([GPT2, '-o', at('file/out')])
    expect(ran).toMatchObject({ code: 3, out: '' })
    expect(everything()).toEqual(['file'])
  })

  test('does not fit on the disk: what was there stays', async () => {
    expect((await runCompile([GPT2, '-o', at('out')])).code).toBe(0)
    const before = fs.readFileSync(at('out/manifest.json'), 'utf8')
    let left = 50_000
    const writeSync = fs.writeSync as (...args: unknown[]) => number
    vi.spyOn(fs, 'writeSync').mockImplementation(((...args: unknown[]) => {
      left -= (args[1] as Uint8Array).byteLength
      if (left < 0)
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      return writeSync(...args)
    }) as typeof fs.writeSync)
    await refuses(GPT2, 3, /disk-full: .*space/, '--force')
    expect(fs.readFileSync(at('out/manifest.json'), 'utf8')).toBe(before)
  })

  test('on a disk that is really full', async ({ skip }) => {
    const disk = SmallDisk.mount(at('small'), 256, skip)
    try {
      const ran = await runCompile([GPT2, '-o', at('small/out')])
      expect(ran).toMatchObject({ code: 3, out: '' })
      expect(ran.err).toMatch(/^dropbp-compile: disk-full: /)
      expect(fs.readdirSync(at('small'))).toEqual([])
    } finally {
      disk.unmount()
    }
  })
})

describe('as a process', () => {
  /** Runs the built command; `during` is called again and again until it says true. */
  function run(
    args: readonly string[],
    during: (kill: (signal: NodeJS.Signals) => void) => boolean = () => true,
  ) {
    return new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      const child = spawn(process.execPath, [CLI, ...args], { stdio: 'ignore' })
      const timer = setInterval(() => {
        if (during((signal) => child.kill(signal))) clearInterval(timer)
      }, 5)
      child.on('close', (code, signal) => {
        clearInterval(timer)
        resolve({ code, signal })
      })
    })
  }

  test('Ctrl-C while writing leaves nothing', async () => {
    const interrupt = (kill: (signal: NodeJS.Signals) => void): boolean => {
      if (!everything().some((name) => name.startsWith('.out.new-'))) return false
      kill('SIGINT')
      return true
    }
    const ended = await run([GPT2, '-o', at('out'), '--check'], interrupt)
    expect(ended).toEqual({ code: 130, signal: null })
    expect(everything()).toEqual([])
  })

  test('exit codes', async () => {
    expect((await run([GPT2, '-o', at('out')])).code).toBe(0)
    expect((await run([GPT2, '-o', at('out')])).code).toBe(3)
    expect((await run([GPT2, '--what'])).code).toBe(2)
    expect((await run([GPT2, '--loss', 'class', '--dry-run'])).code).toBe(1)
  })
})

describe('several problems', () => {
  test('nodes that are malformed are named at once', async () => {
    const text = `${HEADER}
      g (float[batch, 4] x) => (float[batch, 4] logits) <float[4, 4] w = {${wave(16)}}> {
        [one] a = Relu <axis = 1> (x)
        [two] b = MatMul (a)
        [three] c = Softmax <axis = 0.5> (b)
        logits = MatMul (c, w)
      }`
    const ran = await runCompile([model('malformed.onnx', text), '--dry-run'])
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(/invalid-node: 3 problems:\n.*"one".*\n.*"two".*\n.*"three"/)
  })

  test('operators without a gradient are named at once', async () => {
    const text = `${HEADER}
      g (float[batch, 4] x) => (float[batch, 4] logits) <float[4, 4] w = {${wave(16)}}, float[4, 4] v = {${wave(16)}}> {
        a = MatMul (x, w)
        [first] b = acme.Widget (a)
        c = MatMul (b, v)
        [second] logits = acme.Widget (c)
      }`
    const rules = write(
      'rules.mjs',
      `export default { 'acme::Widget': { infer: (node) => [{ type: node.input(0).type }], grad() { throw new Error('not yet') } } }`,
    )
    const ran = await runCompile([
      model('no-gradient.onnx', text),
      '--dry-run',
      '--rules',
      rules,
      '--loss',
      'mse',
    ])
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(/invalid-node: 2 problems:\n.*"second".*not yet.*\n.*"first".*not yet/)
  })
})
