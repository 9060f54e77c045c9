/** `dropbp-train` as a child process: built files are needed (`npm test` builds first). */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { latestCheckpoint, listCheckpoints, readSafetensors } from '../../runtime/index.js'
import { main } from '../../src/cli/dropbp-train.js'
import { FIXTURES, SOURCE, temporaryDirectory, TINY, TOKENS } from './tiny.js'

const DIST = path.join(import.meta.dirname, '../../dist')
const CLI = path.join(DIST, 'src/cli/dropbp-train.js')

interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs the command line; `onOutput` sees its standard output as it comes. */
function run(
  args: string[],
  onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const outcome: Outcome = { code: null, stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      outcome.stdout += text
      onOutput?.(text, (signal) => child.kill(signal))
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => (outcome.stderr += text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ ...outcome, code }))
  })
}

/** Runs the command line in this process: quicker, for what ends before training. */
async function runHere(args: string[]): Promise<Outcome> {
  const outcome: Outcome = { code: null, stdout: '', stderr: '' }
  const capture = (name: 'stdout' | 'stderr') =>
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      outcome[name] += String(text)
      return true
    })
  const spies = [capture('stdout'), capture('stderr')]
  try {
    outcome.code = await main(args)
    return outcome
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

const quick = (out: string, ...more: string[]): string[] => [
  TINY,
  ...['--data', TOKENS, '--seq', '8', '--batch', '2', '--threads', '1', '--lr', '0.01', '--out', out],
  ...more,
]

function events(stdout: string): Record<string, unknown>[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

const losses = (stdout: string): unknown[] =>
  events(stdout).flatMap((e) => (e.type === 'step' ? [e.loss] : []))

it('trains, validates, saves and exports; plain lines in a pipe', async () => {
  const out = temporaryDirectory()
  const { code, stdout, stderr } = await run(quick(out, '--steps', '10'))
  expect(stderr).toBe('')
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^step 10\/10 {2}loss \d\.\d+ .* tokens\/s {2}dropped 50\.0% {2}backward FLOPs saved 7\.9%/m,
  )
  expect(stdout).toMatch(/^step 10: validation loss \d/m)
  expect(stdout).not.toContain('\x1b')
  expect(listCheckpoints(path.join(out, 'checkpoint')).map((c) => c.step)).toEqual([10, 9])
  const weights = readSafetensors(path.join(out, 'model.safetensors'))
  expect(weights).toEqual(
    readSafetensors(
      path.join(listCheckpoints(path.join(out, 'checkpoint'))[0]!.directory, 'params.safetensors'),
    ),
  )
  expect(fs.statSync(path.join(out, 'model.onnx')).size).toBeGreaterThan(18_000)
})

it('tells everything as JSON lines', async () => {
  const { code, stdout } = await run(
    quick(temporaryDirectory(), '--steps', '4', '--json', '--rates', 'sensitivity', '--no-export'),
  )
  expect(code).toBe(0)
  const all = events(stdout)
  expect(new Set(all.map((e) => e.type))).toEqual(
    new Set(['start', 'rates', 'step', 'evaluation', 'checkpoint', 'done']),
  )
  expect(all[0]).toMatchObject({ type: 'start', sites: 2, parameters: 4496, steps: 4, done: 0 })
  expect(all.at(-1)).toMatchObject({
    type: 'done',
    step: 4,
    skippedSteps: 0,
    files: [expect.stringMatching(/report\.html$/)],
  })
})

it('on Ctrl-C finishes the step, saves and says how to go on; going on gives the losses of an uninterrupted run', async () => {
  const whole = await run(quick(temporaryDirectory(), '--steps', '60', '--json', '--no-export'))
  const out = temporaryDirectory()
  let interrupted = false
  const first = await run(quick(out, '--steps', '60', '--json', '--no-export'), (text, kill) => {
    if (interrupted || !text.includes('"step":7,')) return
    interrupted = true
    kill('SIGINT')
  })
  expect(first.code).toBe(130)
  const last = events(first.stdout).at(-1)!
  expect(last).toMatchObject({ type: 'interrupted', resume: `dropbp-train ${TINY} --resume --out ${out}` })
  expect(latestCheckpoint(path.join(out, 'checkpoint')).step).toBe(last.step)
  const second = await run([TINY, '--resume', '--out', out, '--json', '--no-export', '--threads', '1'])
  expect(second.code).toBe(0)
  expect([...losses(first.stdout), ...losses(second.stdout)]).toEqual(losses(whole.stdout))
})

it('compiles a model first, and uses what it compiled the next time', async () => {
  const directory = temporaryDirectory()
  const model = path.join(directory, 'gpt2.onnx')
  fs.copyFileSync(path.join(import.meta.dirname, '../models/gpt2.onnx'), model)
  const tokens = path.join(directory, 'tokens.bin')
  fs.writeFileSync(tokens, new Uint8Array(Uint16Array.from({ length: 400 }, (_, i) => (i * 7) % 61).buffer))
  const args = [model, ...['--data', tokens, '--seq', '10', '--steps', '2', '--threads', '1']]
  const first = await run(args)
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(first.stdout).toContain(`compiled ${model} into`)
  expect(fs.readdirSync(path.join(directory, 'gpt2.trained')).sort()).toEqual([
    'README.md',
    'checkpoint',
    'config.yaml',
    'metrics.csv',
    'metrics.jsonl',
    'model.onnx',
    'model.safetensors',
    'report.html',
    'tensorboard',
  ])
  const second = await run([...args, '--force'])
  expect(second).toMatchObject({ code: 0, stderr: '' })
  expect(second.stdout).toContain('is up to date')
})

it('does not mix a new training with an old one unless told', async () => {
  const out = temporaryDirectory()
  await run(quick(out, '--steps', '2', '--no-export'))
  const again = await run(quick(out, '--steps', '2', '--no-export'))
  expect(again).toMatchObject({ code: 3, stdout: '' })
  expect(again.stderr).toMatch(/^dropbp-train: output-exists: /)
  expect(await run(quick(out, '--steps', '1', '--no-export', '--force'))).toMatchObject({ code: 0 })
  expect(listCheckpoints(path.join(out, 'checkpoint')).map((c) => c.step)).toEqual([1])
})

it('goes on from the newest checkpoint of a training that is named', async () => {
  const out = temporaryDirectory()
  await run(quick(out, '--steps', '2', '--no-export'))
  for (const named of [out, path.join(out, 'checkpoint'), path.join(out, 'checkpoint/step-00000002')]) {
    const other = temporaryDirectory()
    const more = await run(quick(other, '--steps', '3', '--no-export', '--resume', named, '--json'))
    expect(more).toMatchObject({ code: 0, stderr: '' })
    expect(events(more.stdout)[0]).toMatchObject({ type: 'start', done: 2, steps: 3 })
  }
})

it('finds the source model where it was moved', async () => {
  const model = path.join(temporaryDirectory(), 'moved.dropbp')
  fs.cpSync(TINY, model, { recursive: true })
  const args = [model, ...quick(temporaryDirectory(), '--steps', '1').slice(1)]
  const missing = await run(args)
  expect(missing).toMatchObject({ code: 3, stdout: '' })
  expect(missing.stderr).toMatch(/^dropbp-train: missing-source: .*--source/)
  expect(await run([...args, '--source', SOURCE])).toMatchObject({ code: 0, stderr: '' })
})

describe('help', () => {
  it('is grouped and goes to standard output', async () => {
    const { code, stdout, stderr } = await run(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.match(/^[A-Z]\w+:$/gm)).toEqual([
      'Data:',
      'Optimisation:',
      'DropBP:',
      'Running:',
      'Output:',
      'Options:',
    ])
    expect(stdout.split('\n').length).toBeLessThan(70)
  })

  it('has a version', async () => {
    expect((await run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

const text = (content: string): string => {
  const file = path.join(temporaryDirectory(), 'text.txt')
  fs.writeFileSync(file, content)
  return file
}

describe('what is wrong is told in one line, with the exit code of its kind', () => {
  it.each<[string, () => string[], number, RegExp]>([
    ['no model', () => [], 2, /usage: name a compiled directory/],
    [
      'an unknown flag',
      () => [TINY, '--drop-rat', '0.5'],
      2,
      /usage: Unknown argument: drop-rat; did you mean --drop-rate\?/,
    ],
    ['a flag without value', () => [TINY, '--data'], 2, /usage: .*data/],
    [
      'an unknown choice',
      () => [TINY, '--schedule', 'steep'],
      2,
      /usage: --schedule steep: expected one of constant, linear, cosine\n/,
    ],
    ['a choice that is nearly one', () => [TINY, '--schedule', 'cosin'], 2, /did you mean cosine\?/],
    ['two models', () => [TINY, TINY], 2, /usage: one model at a time/],
    ['no data', () => [TINY], 2, /missing-data/],
    [
      'a number that is none',
      () => [TINY, '--data', TOKENS, '--steps', 'ten'],
      2,
      /bad-value: --steps ten: expected a number\n/,
    ],
    [
      'numbers that are none',
      () => [TINY, '--rates-at', '0.1,x'],
      2,
      /bad-value: --rates-at 0\.1,x: expected/,
    ],
    [
      'a rate beyond the bounds',
      () => [TINY, '--data', TOKENS, '--seq', '8', '--drop-rate', '0.95'],
      2,
      /drop-rate: drop rate 0\.95: expected 0 to 0\.9; raise --max-rate for more/,
    ],
    [
      'a rate that cannot be',
      () => [TINY, '--data', TOKENS, '--seq', '8', '--drop-rate', '1.5'],
      2,
      /drop-rate: drop rate 1\.5: expected 0 to 0\.9\n/,
    ],
    ['an unknown record', () => [TINY, '--data', TOKENS, '--record', 'cvs'], 2, /--record cvs.*mean csv\?/],
    ['too little data', () => [TINY, '--data', TOKENS, '--seq', '500'], 2, /too-little-data/],
    [
      'a long warm-up',
      () => [TINY, '--data', TOKENS, '--seq', '8', '--steps', '2', '--warmup', '3'],
      2,
      /warmup/,
    ],
    ['no such directory', () => ['/nowhere', '--data', TOKENS], 3, /not-compiled: \/nowhere: does not exist/],
    [
      'a directory that is not compiled',
      () => [FIXTURES, '--data', TOKENS],
      3,
      /not-compiled: .*has no manifest/,
    ],
    ['no such data', () => [TINY, '--data', '/nowhere.bin'], 3, /missing-file/],
    [
      'nothing to resume',
      () => [TINY, '--resume', '--out', temporaryDirectory()],
      3,
      /no-checkpoint: .*without --resume/,
    ],
    [
      'tokens of another tokenizer',
      () => [TINY, '--data', tooLarge()],
      1,
      /token-out-of-range: .*token 300 at position 1/,
    ],
    [
      'an unknown provider',
      () => [TINY, '--data', TOKENS, '--seq', '8', '--provider', 'abacus'],
      1,
      /session-failed/,
    ],
  ])('%s', async (_, args, code, message) => {
    const result = await runHere(args())
    expect(result.stdout).toBe('')
    expect(result.stderr).toMatch(message)
    expect(result.stderr).toMatch(/^dropbp-train: [a-z-]+: /)
    expect(result.code).toBe(code)
  })

  it('text is read byte by byte where the model knows bytes', async () => {
    const result = await run([
      TINY,
      '--data',
      text('all work and no play makes jack a dull boy. '.repeat(20)),
      ...quick(temporaryDirectory(), '--steps', '2').slice(3),
    ])
    expect(result).toMatchObject({ code: 0, stderr: '' })
  })
})

function tooLarge(): string {
  const file = path.join(temporaryDirectory(), 't.bin')
  fs.writeFileSync(file, new Uint8Array(Uint16Array.of(1, 300).buffer))
  return file
}

describe('kill -9', () => {
  it('at any moment leaves a checkpoint to go on from', async () => {
    const root = path.join(temporaryDirectory(), 'checkpoint')
    const script = path.join(import.meta.dirname, 'save-forever.mjs')
    let reached = 0
    for (let round = 0; round < 8; round++) {
      const child = spawn(
        process.execPath,
        [script, path.join(DIST, 'runtime/index.js'), TINY, TOKENS, root],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      let started = false
      child.stdout.setEncoding('utf8').on('data', (lines: string) => {
        reached = Math.max(reached, ...lines.trim().split('\n').map(Number))
        if (started) return
        started = true
        setTimeout(() => child.kill('SIGKILL'), Math.random() * 100)
      })
      await new Promise((resolve) => child.on('close', resolve))
      const { step, damaged } = latestCheckpoint(root)
      expect(damaged).toEqual([])
      expect(step).toBeGreaterThanOrEqual(reached)
      expect(started).toBe(true)
    }
    expect(reached).toBeGreaterThan(8)
  })
})
