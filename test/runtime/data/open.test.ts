/** From files to batches: every task, and what is told of data that does not fit. */
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  checkBatch,
  IGNORE,
  openData,
  writeSafetensors,
  type Batch,
  type DataOptions,
  type HostTensor,
  type OpenData,
} from '../../../runtime/index.js'
import { writeDurably } from '../../../src/files.js'
import { temporaryDirectory } from '../tiny.js'
import {
  BYTES,
  CLASSIFIER,
  int64,
  jsonLines,
  MODEL,
  npy,
  raw,
  rows,
  TRANSLATOR,
  wordTokenizer,
  write,
  type Part,
} from './files.js'

const quiet = { tokenizer: 'bytes', shuffle: false, batch: 2 } as const

/** Opens data, and has its first batch checked as the trainer does. */
async function first(model: Part, options: DataOptions): Promise<Batch & { data: OpenData }> {
  const data = await openData(model, { ...quiet, ...options })
  const batch = data.train.next()
  checkBatch(model, batch)
  return { ...batch, data }
}

const bytes = (text: string): number[] => [...Buffer.from(text)]
const ids = (batch: Batch): number[][] => rows(batch.inputs.input_ids!)
const X = IGNORE

describe('texts', () => {
  it('are padded to the longest of the batch; every token counts, padding does not', async () => {
    const data = write('a.jsonl', jsonLines({ text: 'abcd' }, { text: 'é' }))
    const batch = await first(BYTES, { data })
    expect(ids(batch)).toEqual([bytes('abcd'), [...bytes('é'), 0, 0]])
    expect(rows(batch.inputs.attention_mask!)).toEqual([
      [1, 1, 1, 1],
      [1, 1, 0, 0],
    ])
    expect(rows(batch.labels!)).toEqual([bytes('abcd'), [...bytes('é'), X, X]])
    expect(batch.data.description).toBe('text: 2 examples; 3 tokens on average, at most 4; 0 for validation')
  })

  it('end with the end token, unless that is switched off; padding is the padding token', async () => {
    const tokenizer = wordTokenizer(['a', 'b', '</s>', '<pad>'])
    write(
      'tokenizer_config.json',
      JSON.stringify({ eos_token: '</s>', pad_token: { content: '<pad>' } }),
      path.dirname(tokenizer),
    )
    const data = write('a.jsonl', jsonLines({ text: 'a b a' }, { text: 'b b' }))
    expect(ids(await first(MODEL, { data, tokenizer }))).toEqual([
      [1, 2, 1, 3],
      [2, 2, 3, 4],
    ])
    expect(ids(await first(MODEL, { data, tokenizer, appendEos: false }))).toEqual([
      [1, 2, 1],
      [2, 2, 4],
    ])
  })

  it('are padded to a multiple, or to a length', async () => {
    const data = write('a.jsonl', jsonLines({ text: 'abcde' }, { text: 'f' }))
    expect((await first(BYTES, { data, pad: { multiple: 4 } })).labels!.shape).toEqual([2, 8])
    expect((await first(BYTES, { data, pad: { length: 10, token: 9 } })).inputs.input_ids!.shape).toEqual([
      2, 10,
    ])
    const fixed = { ...BYTES, inputs: BYTES.inputs.map((i) => ({ ...i, shape: [2, 6] })) }
    expect((await first(fixed, { data })).labels!.shape).toEqual([2, 6])
  })

  it.each([
    ['right', [bytes('abc'), bytes('xy')]],
    ['left', [bytes('cde'), bytes('xy')]],
    ['drop', [bytes('xy'), bytes('xy')]],
  ] as const)('longer ones: %s', async (truncate, wanted) => {
    const data = write('a.jsonl', jsonLines({ text: 'abcde' }, { text: 'xy' }))
    const batch = await first(BYTES, { data, maxLength: 3, truncate })
    expect(ids(batch).map((row) => row.filter((t) => t > 0))).toEqual(wanted)
  })

  it('of plain text and of token files are windows', async () => {
    const text = await first(BYTES, { data: write('a.txt', 'abcdefgh'), maxLength: 3 })
    expect(ids(text)).toEqual([bytes('abc'), bytes('def')])
    expect(text.data.description).toBe('2 windows of 3 tokens; 0 for validation')
    const tokens = await first(MODEL, {
      data: write('a.npy', npy('<u2', '(4,)', raw(Uint16Array.of(1, 2, 3, 4)))),
      maxLength: 2,
    })
    expect(ids(tokens)).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  it('through a tokenizer are one sequence too', async () => {
    const tokenizer = wordTokenizer(['a', 'b', 'c'])
    const data = write('a.txt', 'a b\nc d\na b')
    expect(ids(await first(MODEL, { data, tokenizer, maxLength: 3 }))).toEqual([
      [1, 2, 3],
      [0, 1, 2],
    ])
  })
})

describe('words that a tokenizer lacks', () => {
  const data = (): string => write('a.jsonl', jsonLines({ text: 'a x b' }))

  it('are its unknown token, whatever number that has', async () => {
    const vocab = { a: 0, b: 1, '?': 2 }
    const tokenizer = wordTokenizer([], { model: { type: 'WordLevel', vocab, unk_token: '?' } })
    expect(ids(await first(MODEL, { data: data(), tokenizer, batch: 1 }))).toEqual([[0, 2, 1]])
  })

  it('are refused where it has none', async () => {
    const tokenizer = wordTokenizer([], { model: { type: 'WordLevel', vocab: { a: 0, b: 1 } } })
    await expect(first(MODEL, { data: data(), tokenizer })).rejects.toMatchObject({ code: 'unknown-word' })
  })
})

describe('completions', () => {
  const data = (): string =>
    write('a.jsonl', jsonLines({ prompt: 'ab', completion: 'cd' }, { prompt: 'e', completion: 'f' }))

  it('count, prompts do not', async () => {
    const batch = await first(BYTES, { data: data() })
    expect(ids(batch)).toEqual([bytes('abcd'), [...bytes('ef'), 0, 0]])
    expect(rows(batch.labels!)).toEqual([
      [X, X, ...bytes('cd')],
      [X, ...bytes('f'), X, X],
    ])
    expect(rows((await first(BYTES, { data: data(), trainOn: 'all' })).labels!)[0]).toEqual(bytes('abcd'))
  })

  it('that are truncated away are left out', async () => {
    const batch = await first(BYTES, { data: data(), maxLength: 2 })
    expect(ids(batch)).toEqual([bytes('ef'), bytes('ef')])
    expect(batch.data.description).toContain('1 left out, since nothing of them counts')
  })
})

describe('conversations', () => {
  const template = write(
    'chat.jinja',
    '{% for m in messages %}{{ m.role[0] + m.content }};{% endfor %}{% if add_generation_prompt %}a{% endif %}',
  )
  const turns = [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: 'yy' },
    { role: 'user', content: 'z' },
    { role: 'assistant', content: 'w' },
  ]
  const labels = async (options: Partial<DataOptions>): Promise<number[]> => {
    const data = write('a.jsonl', jsonLines({ messages: turns }))
    const batch = await first(BYTES, { data, chatTemplate: template, batch: 1, ...options })
    expect(ids(batch)[0]).toEqual(bytes('ux;ayy;uz;aw;'))
    return rows(batch.labels!)[0]!
  }

  it('count where the assistant speaks: every turn, the last, or all', async () => {
    expect(await labels({})).toEqual([X, X, X, X, ...bytes('yy;'), X, X, X, X, ...bytes('w;')])
    expect(await labels({ trainOn: 'last' })).toEqual([...Array<number>(11).fill(X), ...bytes('w;')])
    expect(await labels({ trainOn: 'all' })).toEqual(bytes('ux;ayy;uz;aw;'))
  })

  it('may be in a column of another name, and of the older form', async () => {
    const conversations = [
      { from: 'human', value: 'x' },
      { from: 'gpt', value: 'y' },
    ]
    const data = write('a.jsonl', jsonLines({ conversations }))
    const batch = await first(BYTES, {
      data,
      chatTemplate: template,
      columns: { messages: 'conversations' },
      batch: 1,
    })
    expect(rows(batch.labels!)[0]).toEqual([X, X, X, X, ...bytes('y;')])
  })
})

describe('classification', () => {
  it('numbers the names in their order, and tells them', async () => {
    const data = write('a.csv', 'review,stars\ngood film,pos\nbad,neg\nso so,mid\n')
    const batch = await first(CLASSIFIER, { data, columns: { text: 'review', label: 'stars' }, batch: 3 })
    expect(batch.labels).toEqual({ dtype: 'int64', shape: [3], data: BigInt64Array.of(2n, 1n, 0n) })
    expect(ids(batch)[1]).toEqual([...bytes('bad'), 0, 0, 0, 0, 0, 0])
    expect(rows(batch.inputs.attention_mask!)[1]).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0])
    expect(batch.data.labels!.toJSON()).toEqual({
      id2label: { 0: 'mid', 1: 'neg', 2: 'pos' },
      label2id: { mid: 0, neg: 1, pos: 2 },
    })
  })

  it('takes given names, numbers, and pairs of texts', async () => {
    const data = write(
      'a.jsonl',
      jsonLines({ text: 'a', text_pair: 'bc', label: 'x' }, { text: 'd', text_pair: 'e', label: 'y' }),
    )
    const model = { ...CLASSIFIER, inputs: [...CLASSIFIER.inputs, int64('token_type_ids')] }
    const batch = await first(model, { data, labels: ['y', 'x'] })
    expect(Array.from(batch.labels!.data, Number)).toEqual([1, 0])
    expect(rows(batch.inputs.token_type_ids!)).toEqual([
      [0, 1, 1],
      [0, 1, 0],
    ])
    const numbers = write('a.csv', 'text,label\na,2\nb,0\n')
    expect(Array.from((await first(CLASSIFIER, { data: numbers })).labels!.data, Number)).toEqual([2, 0])
  })

  it('of validation data knows the names of the training data', async () => {
    const data = write('a.csv', 'text,label\na,neg\nb,pos\n')
    const own = write('b.csv', 'text,label\na,pos\n')
    const { data: open } = await first(CLASSIFIER, { data, validationData: own })
    const [held] = [...open.validation!()]
    expect(Array.from(held!.labels!.data, Number)).toEqual([1])
    const other = write('c.csv', 'text,label\na,middle\n')
    await expect(openData(CLASSIFIER, { ...quiet, data, validationData: other })).rejects.toMatchObject({
      code: 'unknown-label',
      message: expect.stringMatching(/c\.csv:2: the label "middle" is none of neg, pos/) as string,
    })
  })

  it('by numbers to predict, and by several classes at once', async () => {
    const targets = (kind: 'mse' | 'bce', size: number): Part => ({
      inputs: CLASSIFIER.inputs,
      loss: { kind, output: 'loss', labels: { name: 'labels', dtype: 'float32', shape: ['batch', size] } },
    })
    const score = write('a.csv', 'text,label\na,0.5\nb,-2\n')
    expect((await first(targets('mse', 1), { data: score })).labels).toEqual({
      dtype: 'float32',
      shape: [2, 1],
      data: Float32Array.of(0.5, -2),
    })
    const tags = write('a.jsonl', jsonLines({ text: 'a', label: ['red', 'blue'] }, { text: 'b', label: [] }))
    expect(Array.from((await first(targets('bce', 3), { data: tags })).labels!.data, Number)).toEqual([
      1, 1, 0, 0, 0, 0,
    ])
  })
})

describe('encoder-decoders', () => {
  it('read the target shifted by one', async () => {
    const data = write('a.jsonl', jsonLines({ input: 'abc', target: 'xy' }, { input: 'd', target: 'z' }))
    const batch = await first(TRANSLATOR, { data, decoderStart: 7 })
    expect(ids(batch)).toEqual([bytes('abc'), [...bytes('d'), 0, 0]])
    expect(rows(batch.inputs.attention_mask!)[1]).toEqual([1, 0, 0])
    expect(rows(batch.inputs.decoder_input_ids!)).toEqual([
      [7, ...bytes('x')],
      [7, 0],
    ])
    expect(rows(batch.labels!)).toEqual([bytes('xy'), [...bytes('z'), X]])
  })

  it('of token numbers are cut each by itself', async () => {
    const data = write(
      'a.jsonl',
      jsonLines({ input_ids: [1, 2, 3, 4], labels: [5, 6] }, { input_ids: [7], labels: [8, X, 9, 10] }),
    )
    const batch = await first(TRANSLATOR, { data, decoderStart: 3, maxLength: 3, tokenizer: undefined })
    expect(ids(batch)).toEqual([
      [1, 2, 3],
      [7, 0, 0],
    ])
    expect(rows(batch.labels!)).toEqual([
      [5, 6, X],
      [8, X, 9],
    ])
    expect(rows(batch.inputs.decoder_input_ids!)).toEqual([
      [3, 5, 0],
      [3, 8, 0],
    ])
  })

  it('start as the configuration of the model says', async () => {
    const tokenizer = wordTokenizer(['a', 'b'])
    write('config.json', JSON.stringify({ decoder_start_token_id: 5 }), path.dirname(tokenizer))
    const data = write('a.jsonl', jsonLines({ input: 'a', target: 'b b' }))
    const batch = await first(TRANSLATOR, { data, tokenizer, batch: 1 })
    expect(rows(batch.inputs.decoder_input_ids!)).toEqual([[5, 2]])
    await expect(openData(TRANSLATOR, { ...quiet, data })).rejects.toMatchObject({ code: 'no-decoder-start' })
  })
})

describe('token numbers', () => {
  it('of records are padded anew: what their mask leaves out goes', async () => {
    const data = write(
      'a.jsonl',
      jsonLines(
        { input_ids: [1, 2, 3, 0], attention_mask: [1, 1, 1, 0], labels: [X, 2, 3, X] },
        { input_ids: [4] },
      ),
    )
    const batch = await first(MODEL, { data, shuffle: false })
    expect(ids(batch)[0]).toEqual([1, 2, 3])
    expect(rows(batch.labels!)[0]).toEqual([X, 2, 3])
  })

  it('of arrays by the names of their columns; a tokenizer is not asked for', async () => {
    const file = path.join(temporaryDirectory(), 'a.safetensors')
    const matrix = (data: BigInt64Array): HostTensor => ({ dtype: 'int64', shape: [2, 2], data })
    writeDurably(file, (sink) =>
      writeSafetensors(sink, [
        ['input_ids', matrix(BigInt64Array.of(1n, 2n, 3n, 4n))],
        ['labels', matrix(BigInt64Array.of(-100n, 2n, -100n, 4n))],
      ]),
    )
    const batch = await first(MODEL, { data: file, tokenizer: undefined })
    expect(ids(batch)).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(rows(batch.labels!)).toEqual([
      [X, 2],
      [X, 4],
    ])
  })

  it('with a label for every position, for a model that labels tokens', async () => {
    const model = { ...MODEL, loss: { ...MODEL.loss, kind: 'token' as const, classes: 5 } }
    const data = write('a.jsonl', jsonLines({ input_ids: [90, 91], labels: [4, X] }))
    expect(rows((await first(model, { data, batch: 1 })).labels!)).toEqual([[4, X]])
  })
})

it('arrays are fed by the names of the inputs', async () => {
  const model: Part = {
    inputs: [{ name: 'pixel_values', dtype: 'float32', shape: ['batch', 1, 2, 2] }],
    loss: CLASSIFIER.loss,
  }
  const directory = temporaryDirectory()
  write(
    'pixel_values.npy',
    npy('<f4', '(2, 1, 2, 2)', raw(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8))),
    directory,
  )
  write('labels.npy', npy('<i8', '(2,)', raw(BigInt64Array.of(2n, 0n))), directory)
  const batch = await first(model, { data: directory, tokenizer: undefined })
  expect(batch.inputs.pixel_values).toEqual({
    dtype: 'float32',
    shape: [2, 1, 2, 2],
    data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  })
  expect(Array.from(batch.labels!.data, Number)).toEqual([2, 0])
})

describe('validation', () => {
  const texts = jsonLines(
    ...Array.from({ length: 40 }, (_, i) => ({ text: String.fromCharCode(65 + i).repeat(3) })),
  )

  it('takes a share or a number of the records, the same whatever the seed', async () => {
    const data = write('a.jsonl', texts)
    const held = async (options: Partial<DataOptions>): Promise<number[]> => {
      const open = await openData(BYTES, { ...quiet, shuffle: true, data, ...options })
      expect(open.examples.train + open.examples.validation).toBe(40)
      return [...open.validation!()].flatMap((batch) => ids(batch).map(([token]) => token!))
    }
    const tenth = await held({ validation: 0.1 })
    expect(tenth).toHaveLength(4)
    expect(await held({ validation: 0.1, seed: 5 })).toEqual(tenth)
    expect(await held({ validation: 7 })).toHaveLength(7)
  })

  it('has a file of its own', async () => {
    const open = await openData(BYTES, {
      ...quiet,
      data: write('a.jsonl', texts),
      validationData: write('b.jsonl', jsonLines({ text: 'zz' })),
      validation: 0.5,
    })
    expect(open.examples).toEqual({ train: 40, validation: 1 })
    expect([...open.validation!()].flatMap(ids)).toEqual([bytes('zz')])
  })
})

describe('what does not fit', () => {
  const limited = {
    ...BYTES,
    parameters: [{ name: 'transformer.wpe.weight', shape: [8, 4] }],
  } as unknown as Part
  const json = (...values: unknown[]): string => write('a.jsonl', jsonLines(...values))
  const chatFile = write('chat.jinja', "{{ raise_exception('no system turns') }}")

  it.each<[string, Part, () => Partial<DataOptions>, string, RegExp]>([
    [
      'an empty file',
      BYTES,
      () => ({ data: write('a.jsonl', '\n') }),
      'empty-data',
      /a\.jsonl: holds no record/,
    ],
    [
      'a short text',
      BYTES,
      () => ({ data: write('a.txt', 'ab') }),
      'too-little-data',
      /2 tokens do not fill one window of 256/,
    ],
    ['an empty text', BYTES, () => ({ data: write('a.txt', '') }), 'too-little-data', /0 tokens/],
    [
      'columns of no task',
      BYTES,
      () => ({ data: json({ a: 1, b: 2 }) }),
      'missing-column',
      /has the columns a, b; .* text \(text\)/,
    ],
    [
      'a missing column',
      BYTES,
      () => ({ data: json({ text: 'a' }), task: 'completion' }),
      'missing-column',
      /trained on prompt and completion \(completion\)/,
    ],
    [
      'a column that is not there under its other name',
      BYTES,
      () => ({ data: json({ a: 'b' }), columns: { text: 'c' } }),
      'missing-column',
      /a\.jsonl:1: there is no column "c" to be "text"; there are a/,
    ],
    [
      'a record without the column',
      BYTES,
      () => ({ data: json({ text: 'a' }, { txt: 'b' }) }),
      'bad-row',
      /a\.jsonl:2: "text" should be a text, it is nothing/,
    ],
    [
      'a number for a text',
      BYTES,
      () => ({ data: json({ text: 'a' }, { text: 3 }) }),
      'bad-row',
      /a\.jsonl:2: "text" should be a text, it is 3/,
    ],
    [
      'a completion that is empty',
      BYTES,
      () => ({ data: json({ prompt: 'a', completion: '' }) }),
      'bad-row',
      /a\.jsonl:1: "completion" should be a text to predict/,
    ],
    [
      'messages that are none',
      BYTES,
      () => ({ data: json({ messages: [{ role: 'user', content: 'a' }, 'b'] }) }),
      'bad-row',
      /a\.jsonl:1: "messages\[1\]" should be a message/,
    ],
    ['no messages', BYTES, () => ({ data: json({ messages: [] }) }), 'bad-row', /a list of messages/],
    [
      'no chat template',
      BYTES,
      () => ({ data: json({ messages: [{ role: 'user', content: 'a' }] }) }),
      'no-chat-template',
      /name a template file/,
    ],
    [
      'a template that refuses',
      BYTES,
      () => ({ data: json({ messages: [{ role: 'user', content: 'a' }] }), chatTemplate: chatFile }),
      'chat-template',
      /a\.jsonl:1: .*no system turns/,
    ],
    [
      'conversations without an answer',
      BYTES,
      () => ({
        data: json({ messages: [{ role: 'user', content: 'a' }] }),
        chatTemplate: write('c.jinja', '{{ messages[0].content }}'),
      }),
      'nothing-to-train',
      /none of the 1 examples \(.*a\.jsonl:1 …\)/,
    ],
    [
      'a token beyond the embedding',
      { ...BYTES, inputs: [int64('input_ids', 100)] },
      () => ({ data: json({ text: 'AB' }, { text: 'Az' }) }),
      'token-out-of-range',
      /a\.jsonl:2: token 122 \("z"\); the model knows 0 to 99: is it another/,
    ],
    [
      'a token number beyond it',
      MODEL,
      () => ({ data: json({ input_ids: [1, 100] }) }),
      'token-out-of-range',
      /a\.jsonl:1: token 100/,
    ],
    [
      'a token of a window beyond it',
      MODEL,
      () => ({ data: write('a.bin', raw(Uint16Array.of(1, 200))), maxLength: 2 }),
      'token-out-of-range',
      /token 200 at position 1/,
    ],
    [
      'a label beyond the classes',
      MODEL,
      () => ({ data: json({ input_ids: [1, 2], labels: [1, 100] }) }),
      'label-out-of-range',
      /a\.jsonl:1: label 100; the model has the classes 0 to 99/,
    ],
    [
      'a class beyond the classes',
      CLASSIFIER,
      () => ({ data: write('a.csv', 'text,label\na,1\nb,3\n') }),
      'label-out-of-range',
      /a\.csv:3: label 3/,
    ],
    [
      'more names than classes',
      CLASSIFIER,
      () => ({ data: write('a.csv', 'text,label\na,w\na,x\na,y\na,z\n') }),
      'too-many-labels',
      /holds 4 different labels .* 3 classes/,
    ],
    [
      'a missing label',
      CLASSIFIER,
      () => ({ data: write('a.csv', 'text,label\na,\n') }),
      'bad-row',
      /a\.csv:2: "label" should be a class or a number/,
    ],
    [
      'labels of another length',
      MODEL,
      () => ({ data: json({ input_ids: [1, 2], labels: [1] }) }),
      'bad-row',
      /"labels" should be of the length of input_ids, 2/,
    ],
    [
      'token numbers that are none',
      MODEL,
      () => ({ data: json({ input_ids: [1, 2.5] }) }),
      'bad-row',
      /an array of whole numbers/,
    ],
    [
      'examples too long',
      BYTES,
      () => ({ data: json({ text: 'abcd' }), maxLength: 3, truncate: 'error' }),
      'too-long',
      /a\.jsonl:1: 4 tokens, at most 3/,
    ],
    [
      'lengths beyond the positions',
      limited,
      () => ({ data: json({ text: 'a' }), maxLength: 9 }),
      'bad-value',
      /the model has 8 positions/,
    ],
    [
      'a length that the graph does not take',
      { ...BYTES, inputs: [{ ...int64('input_ids'), shape: ['batch', 6] }] },
      () => ({ data: json({ text: 'a' }), maxLength: 5 }),
      'bad-value',
      /exactly 6 tokens/,
    ],
    [
      'plain text for a classifier',
      CLASSIFIER,
      () => ({ data: write('a.txt', 'abc') }),
      'unsupported-data',
      /the loss is class/,
    ],
    [
      'text without a tokenizer',
      MODEL,
      () => ({ data: json({ text: 'a' }), tokenizer: undefined }),
      'tokenizer-needed',
      /is text: name a tokenizer\.json/,
    ],
    [
      'an input that nothing fills',
      { ...MODEL, inputs: [...MODEL.inputs, int64('encoder_outputs')] },
      () => ({ data: json({ input_ids: [1, 2] }), batch: 1 }),
      'unsupported-data',
      /"encoder_outputs" int64 \[batch, seq\] is none/,
    ],
    [
      'padding for a model without mask',
      { ...CLASSIFIER, inputs: [int64('input_ids', 256)] },
      () => ({ data: write('a.csv', 'text,label\na,1\nbc,2\n') }),
      'padding-without-mask',
      /a row of 1 tokens would be padded to 2/,
    ],
    [
      'packing for a model that cannot keep examples apart',
      BYTES,
      () => ({ data: json({ text: 'a' }), packing: 'isolated' }),
      'packing-contaminates',
      /no mask of pairs/,
    ],
  ])('%s', async (_, model, options, code, message) => {
    const opening = first(model, { data: '', ...options() })
    await expect(opening).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  })

  it('the length is at most that of the positions', async () => {
    const batch = await first(limited, { data: json({ text: 'abcdefghijkl' }), batch: 1 })
    expect(ids(batch)).toEqual([bytes('abcdefgh')])
    expect(batch.data.description).toContain('1 were cut')
  })
})
