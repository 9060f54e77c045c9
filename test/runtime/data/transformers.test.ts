/** Tokens and conversations are those of transformers, which wrote `fixtures/expected.json`. */
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  ChatTemplate,
  IGNORE,
  labelSpans,
  LabelMap,
  openTokenizer,
  TASKS,
  type Message,
  type TaskContext,
} from '../../../runtime/index.js'
import { BYTES, CLASSIFIER, write } from './files.js'

const FIXTURES = path.join(import.meta.dirname, 'fixtures')

interface Expected {
  templates: Record<string, string>
  conversations: Record<string, Message[]>
  tools: unknown[]
  texts: string[]
  pairs: [string, string][]
  maxLength: number
  completions: [string, string][]
  tokenizers: Record<string, KindExpected>
}

interface KindExpected {
  bare: number[][]
  framed: number[][]
  pairs: [number[], number[]][]
  cutPairs: [number[], number[]][]
  cutTexts: number[][]
  completions: { ids: number[]; counted: number[] }[]
  chats: Record<string, { text: string; prompt: string; ids: number[]; assistant?: number[] }>
}

const expected = JSON.parse(fs.readFileSync(path.join(FIXTURES, 'expected.json'), 'utf8')) as Expected
const kinds = Object.entries(expected.tokenizers)
const open = (kind: string) => openTokenizer(path.join(FIXTURES, kind))

describe.each(kinds)('%s', (kind, wanted) => {
  const tokenizer = open(kind)
  const context = (maxLength: number): TaskContext => ({
    contract: CLASSIFIER,
    tokenizer,
    maxLength,
    labels: new LabelMap([]),
    pad: 0,
  })
  const encode = (row: Record<string, string>, maxLength: number) =>
    TASKS.classification.encoder(context(maxLength))({ ...row, label: '0' }, 'row')!

  it.each(expected.texts.map((text, i) => [text, i] as const))('has the tokens of %j', (text, i) => {
    expect(tokenizer.encode(text)).toEqual(wanted.bare[i])
    const { before, after } = tokenizer.frame
    expect([...before, ...tokenizer.encode(text), ...after]).toEqual(wanted.framed[i])
    expect(encode({ text }, 8).tokens).toEqual(wanted.cutTexts[i])
  })

  it.each(expected.pairs.map((pair, i) => [...pair, i] as const))(
    'has the tokens of %j and %j',
    (text, text_pair, i) => {
      const { tokens, types } = encode({ text, text_pair }, 512)
      expect([tokens, types]).toEqual(wanted.pairs[i])
      const cut = encode({ text, text_pair }, expected.maxLength)
      expect([cut.tokens, cut.types]).toEqual(wanted.cutPairs[i])
    },
  )
})

const chats = kinds.flatMap(([kind, { chats }]) =>
  Object.entries(chats).map(
    ([name, chat]) => [kind, ...(name.split('/') as [string, string]), chat] as const,
  ),
)

/** A case with its tokenizer and template at hand. */
function opened([kind, template, title]: readonly [string, string, string, ...unknown[]]) {
  const tokenizer = open(kind)
  const messages = expected.conversations[title]!
  const tools = template === 'busy' ? { tools: expected.tools } : {}
  const labelled = (name: string) => {
    const chat = new ChatTemplate(expected.templates[name]!, tokenizer.specials)
    const { text, spans } = chat.conversation(messages, tools)
    return labelSpans(tokenizer, text, spans)
  }
  return { tokenizer, messages, tools, labelled }
}

describe('conversations', () => {
  it.each(chats)('%s, template %s, %s: are written as transformers writes them', (...given) => {
    const [, template, , wanted] = given
    const { tokenizer, messages, tools } = opened(given)
    const chat = new ChatTemplate(expected.templates[template]!, tokenizer.specials)
    expect(chat.render(messages, tools)).toBe(wanted.text)
    expect(chat.render(messages.slice(0, -1), { ...tools, add_generation_prompt: true })).toBe(wanted.prompt)
    expect(tokenizer.encode(wanted.text)).toEqual(wanted.ids)
  })

  it.each(chats.filter(([, , , { assistant }]) => assistant))(
    '%s, template %s, %s: the tokens count that transformers says are the assistant’s',
    (...given) => {
      const [, template, , wanted] = given
      const { tokens, labels } = opened(given).labelled(template)
      expect(tokens).toEqual(wanted.ids)
      expect(Array.from(labels, (label) => Number(label !== IGNORE))).toEqual(wanted.assistant)
      expect(tokens.every((token, i) => labels[i] === IGNORE || labels[i] === token)).toBe(true)
    },
  )

  it.each(chats.filter(([, template]) => template === 'plain'))(
    '%s, template %s, %s: without generation blocks, the same counts and the line end after it',
    (...given) => {
      const { tokenizer, messages, labelled } = opened(given)
      const [marked, plain] = [labelled('marked'), labelled('plain')]
      const turns = messages.filter((m) => m.role === 'assistant').length
      const lineEnd = tokenizer.encode('<|end|>\n').length - 1
      const counted = (labels: Int32Array): number => labels.filter((label) => label !== IGNORE).length
      expect(plain.tokens).toEqual(marked.tokens)
      expect(marked.labels.every((label, i) => label === IGNORE || label === plain.labels[i])).toBe(true)
      expect(counted(plain.labels)).toBe(counted(marked.labels) + turns * lineEnd)
    },
  )
})

describe('chat templates', () => {
  const bytes = open('byte_level')

  it('are found by name, in a file, or in the configuration of the tokenizer', () => {
    const messages = expected.conversations.multi!
    const chat = (kind: string, title: string) => expected.tokenizers[kind]!.chats[title]!.text
    expect(ChatTemplate.of(bytes, 'lines').render(messages)).toBe(chat('byte_level', 'lines/multi'))
    expect(ChatTemplate.of(open('sentence_piece')).render(messages)).toBe(
      chat('sentence_piece', 'marked/multi'),
    )
    const directory = path.dirname(write('chat_template.jinja', expected.templates.lines!))
    fs.cpSync(path.join(FIXTURES, 'sentence_piece'), directory, { recursive: true })
    const beside = ChatTemplate.of(openTokenizer(directory)).render(messages)
    expect(beside).toBe(chat('sentence_piece', 'lines/multi'))
    expect(() => ChatTemplate.of(bytes)).toThrow(
      expect.objectContaining({
        code: 'no-chat-template',
        message: expect.stringContaining('marked, plain, lines, busy') as string,
      }),
    )
    expect(() => ChatTemplate.of(bytes, '/nowhere.jinja')).toThrow(
      expect.objectContaining({ code: 'missing-file' }),
    )
  })

  it('that refuse a conversation say why', () => {
    const busy = ChatTemplate.of(bytes, 'busy')
    const twice = [{ role: 'assistant', content: 'hello' }]
    expect(() => busy.render(twice)).toThrow(
      expect.objectContaining({
        code: 'chat-template',
        message: expect.stringContaining('turns must alternate') as string,
      }),
    )
  })

  it('that are no Jinja are refused', () => {
    expect(() => new ChatTemplate('{% if %}')).toThrow(expect.objectContaining({ code: 'chat-template' }))
  })

  it('that write the last turn in another way are asked for the content and the end of turns', () => {
    const thinking = new ChatTemplate(
      "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' and loop.last %}<think></think>{% endif %}" +
        '{{ m.content | trim }};{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}',
    )
    const messages = expected.conversations.multi!.map((m) => ({ ...m, content: ` ${m.content as string} ` }))
    const said = (which: 'all' | 'last') => {
      const { text, spans } = thinking.conversation(messages, {}, which)
      expect(text).toBe(thinking.render(messages))
      return spans.map(([from, to]) => text.slice(from, to))
    }
    expect(said('all')).toEqual(['hello world, 42;', 'The capital of France is Paris. 🦊;'])
    expect(said('last')).toEqual(['<think></think>The capital of France is Paris. 🦊;'])
  })

  it('that forget earlier turns are refused, unless the last turn alone counts', () => {
    const forgetful = new ChatTemplate(
      "{% for m in messages %}{% if loop.last or m.role == 'user' %}<{{ m.role }}>{{ m.content }};{% endif %}{% endfor %}" +
        '{% if add_generation_prompt %}<assistant>{% endif %}',
    )
    const messages = expected.conversations.multi!
    expect(() => forgetful.conversation(messages)).toThrow(
      expect.objectContaining({ code: 'chat-template-prefix' }),
    )
    const { text, spans } = forgetful.conversation(messages, {}, 'last')
    expect(spans.map(([from, to]) => text.slice(from, to))).toEqual([`${messages[3]!.content as string};`])
  })
})

describe('labels by spans', () => {
  it('count the token that reaches into a span', () => {
    const tokenizer = open('byte_level')
    const text = 'the fox'
    const whole = tokenizer.encode(text)
    const reaching = tokenizer.encode('the').length
    expect(tokenizer.encode('the ').length).toBeGreaterThan(reaching)
    const { labels } = labelSpans(tokenizer, text, [[4, 7]])
    expect(Array.from(labels)).toEqual(whole.map((token, i) => (i < reaching ? IGNORE : token)))
  })
})

describe('completions', () => {
  const context = (kind: string, more: Partial<TaskContext> = {}): TaskContext => ({
    contract: BYTES,
    tokenizer: open(kind),
    maxLength: 512,
    labels: undefined,
    pad: 0,
    ...more,
  })

  const cases = kinds.flatMap(([kind, { completions }]) =>
    completions.map(({ ids, counted }, i) => [kind, ...expected.completions[i]!, ids, counted] as const),
  )

  it.each(cases)(
    'count where transformers says so, and the end token: %s, %j, %j',
    (kind, prompt, completion, ids, counted) => {
      const row = { prompt, completion }
      const given = context(kind)
      const { frame, eos } = given.tokenizer
      const closing = frame.after.at(-1) === eos || eos === undefined ? frame.after : [...frame.after, eos]
      const all = [...frame.before, ...ids, ...closing]
      const counts = [...frame.before.map(() => 0), ...counted, ...closing.map(() => 1)]
      const { tokens, labels } = TASKS.completion.encoder(given)(row, 'row')!
      expect(tokens).toEqual(all)
      expect(labels).toEqual(all.map((token, i) => (counts[i] === 0 ? IGNORE : token)))
      expect(TASKS.completion.encoder(context(kind, { trainOn: 'all' }))(row, 'row')!.labels).toEqual(all)
      expect(TASKS.completion.encoder(context(kind, { appendEos: false }))(row, 'row')!.tokens).toEqual([
        ...frame.before,
        ...ids,
        ...frame.after,
      ])
    },
  )

  it('of messages are told apart by the template', () => {
    const messages = expected.conversations.multi!
    const chat = { prompt: messages.slice(0, -1), completion: messages.slice(-1) }
    const given = context('sentence_piece')
    const { tokens, labels } = TASKS.completion.encoder(given)(chat, 'row')!
    const { ids, prompt } = expected.tokenizers.sentence_piece!.chats['marked/multi']!
    const before = given.tokenizer.encode(prompt).length
    expect(tokens).toEqual(ids)
    expect(Array.from(labels!)).toEqual(ids.map((token, i) => (i < before ? IGNORE : token)))
  })
})
