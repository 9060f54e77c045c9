/** `dropbp-train` on records, as a child process: built files are needed (`npm test` builds first). */
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { Random } from '../../../runtime/index.js'
import { compile } from '../../../src/index.js'
import { parseModel } from '../../../src/text.js'
import { temporaryDirectory } from '../tiny.js'
import { jsonLines, wordTokenizer, write } from './files.js'

const CLI = path.join(import.meta.dirname, '../../../dist/src/cli/dropbp-train.js')

interface Outcome {
  code: number
  events: Record<string, unknown>[]
  stderr: string
}

function run(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const flags = ['--json', '--no-export', '--threads', '1', ...args]
    execFile(process.execPath, [CLI, ...flags], (error, stdout, stderr) =>
      resolve({
        code: error ? Number(error.code) : 0,
        events: stdout
          .split('\n')
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line) as Record<string, unknown>),
        stderr,
      }),
    )
  })
}

const losses = ({ events }: Outcome): unknown[] => events.flatMap((e) => (e.type === 'step' ? [e.loss] : []))

const WORDS = ['</s>', 'user', 'assistant', ':', ...Array.from('abcdefghijklmnopqrst')]
const TEMPLATE =
  "{% for m in messages %}{{ m.role }} : {% if m.role == 'assistant' %}{% generation %}{{ m.content }} </s> {% endgeneration %}" +
  '{% else %}{{ m.content }} </s> {% endif %}{% endfor %}'

describe('a small GPT', () => {
  let model: string
  let tokenizer: string

  beforeAll(() => {
    model = path.join(temporaryDirectory(), 'gpt2.dropbp')
    compile(path.join(import.meta.dirname, '../../models/gpt2.onnx')).write(model)
    tokenizer = wordTokenizer(WORDS, {
      added_tokens: [
        {
          id: 1,
          content: '</s>',
          special: true,
          normalized: false,
          single_word: false,
          lstrip: false,
          rstrip: false,
        },
      ],
    })
    write(
      'tokenizer_config.json',
      JSON.stringify({ eos_token: '</s>', chat_template: TEMPLATE }),
      path.dirname(tokenizer),
    )
  })

  const words = (random: Random): string =>
    Array.from({ length: 1 + random.below(5) }, () => WORDS[4 + random.below(20)]).join(' ')

  function chats(): string {
    const random = Random.seeded(3)
    return jsonLines(
      ...Array.from({ length: 30 }, () => ({
        messages: [
          { role: 'user', content: words(random) },
          { role: 'assistant', content: words(random) },
        ],
      })),
    )
  }

  it.each([[[]], [['--packing', 'mixed', '--seq', '24']]])(
    'learns conversations; going on from any checkpoint gives the same losses (%j)',
    async (more) => {
      const data = ['--data', write('chat.jsonl', chats()), '--tokenizer', tokenizer]
      const out = temporaryDirectory()
      const every = ['--steps', '12', '--batch', '3', '--save-every', '1', '--keep', '20', '--lr', '0.01']
      const whole = await run(model, ...data, ...every, ...more, '--out', out)
      expect(whole).toMatchObject({ code: 0, stderr: '' })
      expect(whole.events[0]!.data).toMatch(/^chat: 30 examples; \d+ tokens on average/)
      expect(losses(whole)).toHaveLength(12)
      expect(losses(whole).at(-1)).toBeLessThan(losses(whole)[0] as number)
      const from = path.join(out, 'checkpoint', 'step-00000005')
      const rest = await run(model, '--resume', from, '--out', temporaryDirectory())
      expect(rest).toMatchObject({ code: 0, stderr: '' })
      expect(losses(rest)).toEqual(losses(whole).slice(5))
    },
  )

  it('learns prompts and completions of Parquet, in columns of other names', async () => {
    const random = Random.seeded(4)
    const column = (name: string) => ({
      name,
      type: 'STRING' as const,
      data: Array.from({ length: 20 }, () => words(random)),
    })
    const bytes = parquetWriteBuffer({ columnData: [column('question'), column('answer')] })
    const { code, stderr, events } = await run(
      ...[model, '--data', write('a.parquet', new Uint8Array(bytes)), '--tokenizer', tokenizer],
      ...['--columns', 'prompt=question', '--columns', 'completion=answer', '--validation', '4'],
      ...['--out', temporaryDirectory()],
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(events[0]!.data).toMatch(/^completion: 20 examples; .*; 4 for validation; 4 rows a step$/)
    expect(losses({ code, stderr, events })).toHaveLength(4)
  })

  it('is not trained on a bad line: nothing is written', async () => {
    const out = path.join(temporaryDirectory(), 'out')
    const data = write('chat.jsonl', `${chats()}{"messages": [\n`)
    const { code, stderr } = await run(model, '--data', data, '--tokenizer', tokenizer, '--out', out)
    expect(code).toBe(3)
    expect(stderr).toMatch(/^dropbp-train: bad-row: .*chat\.jsonl:31: .*: \{"messages": \[\n$/)
    expect(fs.existsSync(out)).toBe(false)
  })

  it.each<[string, string[], RegExp]>([
    ['a column without a name', ['--columns', 'text'], /bad-value: --columns text: expected name=column/],
    ['an unknown task', ['--task', 'texts'], /usage: .*texts/s],
    ['an unknown format', ['--format', 'xml'], /usage: .*xml/s],
    ['a length beyond the positions', ['--seq', '33'], /bad-value: .*33: the model has 32 positions/],
  ])('refuses %s', async (_, more, message) => {
    const data = write('chat.jsonl', chats())
    const { code, stderr } = await run(model, '--data', data, '--tokenizer', tokenizer, ...more)
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })
})

it('a classifier learns CSV, and the numbers of its classes are written down', async () => {
  const random = Random.seeded(1)
  const weight = (name: string, ...shape: number[]): string => {
    const size = shape.reduce((a, b) => a * b, 1)
    const values = Array.from({ length: size }, () => (random.uniform() - 0.5).toFixed(3))
    return `float[${shape.join(', ')}] ${name} = {${values.join(', ')}}`
  }
  const weights = [weight('wte', 256, 8), weight('w1', 8, 16), weight('w2', 16, 8), weight('head', 8, 3)]
  const program = `g (int64[batch, seq] input_ids, float[batch, seq] attention_mask) => (float[batch, 3] logits)
    <${weights.join(', ')}, int64[1] one = {1}, int64[1] two = {2}> {
    t = Gather (wte, input_ids)  h = MatMul (t, w1)  r = Relu (h)  f = MatMul (r, w2)  x = Add (t, f)
    m = Unsqueeze (attention_mask, two)  xm = Mul (x, m)
    sum = ReduceSum <keepdims = 0> (xm, one)  n = ReduceSum <keepdims = 0> (m, one)  mean = Div (sum, n)
    logits = MatMul (mean, head) }`
  const model = path.join(temporaryDirectory(), 'classifier.dropbp')
  compile(parseModel(program), { loss: { kind: 'class' } }).write(model)
  const lines = Array.from(
    { length: 60 },
    (_, i) => `"${'xyz'[i % 3]!.repeat(2 + (i % 5))}",${['up', 'down', 'flat'][i % 3]}`,
  )
  const data = write('a.csv', `review,verdict\n${lines.join('\n')}\n`)
  const out = temporaryDirectory()
  const { code, stderr, events } = await run(
    ...[
      model,
      '--data',
      data,
      '--columns',
      'text=review',
      '--columns',
      'label=verdict',
      '--tokenizer',
      'bytes',
    ],
    ...['--epochs', '6', '--batch', '8', '--lr', '0.05', '--drop-rate', '0.2', '--out', out],
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(events[0]!.data).toMatch(/^classification: 60 examples/)
  const evaluations = events.filter((e) => e.type === 'evaluation').map((e) => e.loss as number)
  expect(evaluations.at(-1)).toBeLessThan(0.1)
  expect(JSON.parse(fs.readFileSync(path.join(out, 'labels.json'), 'utf8'))).toEqual({
    id2label: { 0: 'down', 1: 'flat', 2: 'up' },
    label2id: { down: 0, flat: 1, up: 2 },
  })
})
