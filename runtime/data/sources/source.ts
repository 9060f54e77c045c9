/** What a data file holds, before a tokenizer or a task has seen it. */
/** Names a place in messages. Finding the place out may take reading a file, so it is told when it is needed. */
export interface Where {
  toString(): string
}

/** One record: values by column, as JSON has them; arrays of numbers may be tensors (`HostTensor`) instead. */
export type Row = Readonly<Record<string, unknown>>

/** Records that can be read in any order, without the file being in memory. */
export interface Rows {
  readonly kind: 'rows'
  readonly length: number
  /** Columns of the first record. */
  readonly columns: readonly string[]
  /** Record `i` of 0 … length − 1. @throws IOError where it cannot be read, with file and line */
  get(i: number): Row
  /** Where record `i` is, for messages: `data.jsonl:17`. */
  where(i: number): string
  close(): void
}

/** A sequence of token numbers. */
export type Tokens = Uint8Array | Uint16Array | Uint32Array | Int32Array

/** One long sequence of token numbers. */
export interface TokenSequence {
  readonly kind: 'tokens'
  /** Number of tokens. */
  readonly length: number
  /** Tokens `start` … `end` − 1. */
  read(start: number, end: number): Tokens
  close(): void
}

/** A text that becomes one long sequence of tokens; read in pieces that end where a line ends. */
export interface TextFile {
  readonly kind: 'text'
  readonly file: string
  /** Number of pieces. */
  readonly length: number
  /** Piece `i`, with line ends as `\n`. @throws IOError `not-utf8` */
  get(i: number): string
  close(): void
}

/** What a file can hold. */
export type Source = Rows | TokenSequence | TextFile

/** Element types of raw token files. */
export const BIN_TYPES = ['uint8', 'uint16', 'uint32', 'int32'] as const

export interface SourceOptions {
  /** Element type of a raw `.bin` file; uint16 by default. */
  binType?: (typeof BIN_TYPES)[number]
}

/** How one format of files is read. */
export interface SourceFormat {
  /** Lower-case endings of file names, with the dot. */
  readonly extensions: readonly string[]
  open(file: string, options: SourceOptions): Source | Promise<Source>
}
