/** Conversations, and their text with what the assistant says in it. */

/** A turn of a conversation, and whatever else the template reads of it (`tool_calls`, `name`, …). */
export interface Message {
  readonly role: string
  readonly content?: unknown
  readonly [key: string]: unknown
}

/** Places of a text, from the first character to the one after the last. */
export type Span = readonly [start: number, end: number]

/** A conversation as the model reads it. */
export interface RenderedChat {
  readonly text: string
  /** What each of the assistant's turns says, in order, with the tokens that end a turn. */
  readonly spans: readonly Span[]
}
