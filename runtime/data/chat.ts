/** Chat templates: conversations as text, and which parts of it the assistant says. */
import fs from 'node:fs'
import path from 'node:path'
import { Template } from '@huggingface/jinja'
import { DropBPError, IOError, UsageError } from '../../src/errors.js'
import { guarded } from '../../src/files.js'
import type { Message, RenderedChat } from './conversation.js'
import type { TextTokenizer } from './tokenizer.js'
import { END, spansByContent, spansByPrefix, START, takeMarks, type Render } from './turns.js'

/** A chat template as `transformers` has them: Jinja, with `{% generation %}` around what the assistant says, or without. */
export class ChatTemplate {
  private readonly template: Template
  private readonly marks: boolean

  /**
   * @param source the template's text
   * @param globals what it may read beside the conversation: `bos_token`, `eos_token`, …
   * @param name names the template in messages
   */
  constructor(
    source: string,
    private readonly globals: Readonly<Record<string, unknown>> = {},
    private readonly name = 'the chat template',
  ) {
    this.marks = GENERATION.test(source)
    try {
      this.template = new Template(marked(source))
    } catch (error) {
      throw new IOError('chat-template', `${name} is no Jinja template: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }

  /**
   * The template of a tokenizer: `chat_template.jinja` beside it, or `chat_template` of `tokenizer_config.json`, of which
   * `choice` names one if there are several; or the file `choice`.
   * @throws UsageError `no-chat-template`; IOError `chat-template`, `missing-file`
   */
  static of(tokenizer: TextTokenizer, choice?: string): ChatTemplate {
    const { source, name } = locate(tokenizer, choice)
    return new ChatTemplate(source, tokenizer.specials, name)
  }

  /**
   * The text of a conversation.
   * @param more further variables: `tools`, `add_generation_prompt`
   * @throws DropBPError `chat-template` where the template refuses the conversation
   */
  render(messages: readonly Message[], more: Readonly<Record<string, unknown>> = {}): string {
    return this.run(messages, more).replace(/[\ufdd0\ufdd1]/g, '')
  }

  /**
   * The text of a conversation and the spans that the assistant says: what stands in `{% generation %}` blocks, or, in a
   * template without, by how much each of the assistant's turns makes the text longer, or else its content and what ends it.
   * @throws DropBPError `chat-template`, `chat-template-prefix`
   */
  conversation(
    messages: readonly Message[],
    more: Readonly<Record<string, unknown>> = {},
    which: 'all' | 'last' = 'all',
  ): RenderedChat {
    const { text, spans } = this.marks
      ? this.marked(messages, more)
      : this.compared(messages, more, which === 'last')
    return { text, spans: which === 'last' ? spans.slice(-1) : spans }
  }

  private marked(messages: readonly Message[], more: Readonly<Record<string, unknown>>): RenderedChat {
    const found = takeMarks(this.run(messages, more))
    if (found) return found
    throw new DropBPError('chat-template', `${this.name}: its generation blocks are nested`)
  }

  private compared(
    messages: readonly Message[],
    more: Readonly<Record<string, unknown>>,
    lastOnly: boolean,
  ): RenderedChat {
    const render: Render = (part, prompt = false) =>
      this.run(part, { ...more, add_generation_prompt: prompt })
    const turns = messages.flatMap((m, i) => (m.role === 'assistant' ? [i] : [])).slice(lastOnly ? -1 : 0)
    const found = spansByPrefix(render, messages, turns) ?? spansByContent(render, messages, turns)
    if (found) return found
    throw new DropBPError(
      'chat-template-prefix',
      `${this.name} writes turns in another way, or not at all, once later ones follow, so that what the assistant says cannot be ` +
        'told; train on the last turn only, on all tokens, or put {% generation %} … {% endgeneration %} into the template',
    )
  }

  private run(messages: readonly Message[], more: Readonly<Record<string, unknown>>): string {
    try {
      return this.template.render({
        ...this.globals,
        add_generation_prompt: false,
        ...more,
        messages,
      })
    } catch (error) {
      throw new DropBPError('chat-template', `${this.name}: ${(error as Error).message}`, 'model', {
        cause: error,
      })
    }
  }
}

const GENERATION = /\{%(-?)\s*generation\s*(-?)%\}/

/** The library drops `generation` tags; conditions in their place write marks, with the same control of white space. */
function marked(source: string): string {
  return source
    .replace(new RegExp(GENERATION, 'g'), `{%$1 if true %}{{ "${START}" }}{% if true $2%}`)
    .replace(/\{%(-?)\s*endgeneration\s*(-?)%\}/g, `{%$1 endif %}{{ "${END}" }}{% endif $2%}`)
}

function locate(tokenizer: TextTokenizer, choice: string | undefined): { source: string; name: string } {
  const read = (file: string): { source: string; name: string } => ({
    source: guarded(file, 'read', () => fs.readFileSync(file, 'utf8')),
    name: file,
  })
  const named = namedTemplates(tokenizer.config.chat_template)
  if (choice !== undefined) {
    const source = named.get(choice)
    return source === undefined ? read(choice) : { source, name: `the chat template "${choice}"` }
  }
  const beside = path.join(path.dirname(tokenizer.name), 'chat_template.jinja')
  if (tokenizer.name !== 'bytes' && fs.existsSync(beside)) return read(beside)
  const source = named.get('default')
  if (source !== undefined) return { source, name: `the chat template of ${tokenizer.name}` }
  throw new UsageError(
    'no-chat-template',
    `${tokenizer.name}: no chat_template.jinja beside it, and none in its tokenizer_config.json; name a template file` +
      (named.size > 0 ? ` or one of ${[...named.keys()].join(', ')}` : ''),
  )
}

/** `chat_template` is one template, or a list of `{ name, template }`. */
function namedTemplates(value: unknown): Map<string, string> {
  if (typeof value === 'string') return new Map([['default', value]])
  if (!Array.isArray(value)) return new Map()
  return new Map((value as { name: string; template: string }[]).map((t) => [t.name, t.template]))
}
