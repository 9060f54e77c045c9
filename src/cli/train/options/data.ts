/** What is trained on. */
import { PACKINGS } from '../../../../runtime/data/pack.js'
import { FORMATS, type FormatName } from '../../../../runtime/data/sources/index.js'
import { BIN_TYPES } from '../../../../runtime/data/sources/source.js'
import { TASKS, type TaskName } from '../../../../runtime/data/tasks/index.js'
import { TRAINED_PARTS, TRUNCATIONS } from '../../../../runtime/data/tasks/task.js'
import type { OptionTable } from './option.js'

export const data = {
  data: {
    type: 'list',
    alias: 'd',
    file: true,
    describe: 'file of text, records or tokens; repeatable',
  },
  format: {
    rare: true,
    type: 'string',
    choices: Object.keys(FORMATS) as FormatName[],
    describe: 'format of the file, where its name does not tell',
  },
  task: {
    type: 'string',
    choices: Object.keys(TASKS) as TaskName[],
    describe: 'what the records are [by their columns]',
  },
  columns: { type: 'list', describe: 'name of a column, text=review; repeatable' },
  tokenizer: { type: 'string', file: { except: ['bytes'] }, describe: 'tokenizer.json, or "bytes"' },
  chatTemplate: { rare: true, type: 'string', describe: "template by name, or a file [the tokenizer's]" },
  trainOn: {
    type: 'string',
    choices: TRAINED_PARTS,
    default: 'completion',
    describe: 'what counts for the loss',
  },
  binType: {
    rare: true,
    type: 'string',
    choices: BIN_TYPES,
    default: 'uint16',
    describe: 'numbers in a .bin file',
  },
  seq: { type: 'number', min: 1, integer: true, describe: 'tokens of a window, most of an example' },
  truncate: {
    rare: true,
    type: 'string',
    choices: TRUNCATIONS,
    default: 'right',
    describe: 'of longer examples',
  },
  padMultiple: {
    rare: true,
    type: 'number',
    min: 1,
    integer: true,
    default: 1,
    describe: 'rows are padded to a multiple of this',
  },
  padLength: {
    rare: true,
    type: 'number',
    min: 1,
    integer: true,
    describe: 'rows are padded to this [the longest]',
  },
  packing: {
    type: 'string',
    choices: PACKINGS,
    describe: 'several examples in a row',
  },
  appendEos: { rare: true, type: 'boolean', default: true, describe: 'texts end with the end token' },
  decoderStart: {
    rare: true,
    type: 'number',
    min: 0,
    integer: true,
    describe: "first token of a decoder's input [config.json]",
  },
  labels: {
    rare: true,
    type: 'list',
    describe: 'a class, the first is 0; repeatable',
  },
  batch: { type: 'number', alias: 'b', min: 1, integer: true, describe: 'rows of a micro-batch' },
  shuffle: { rare: true, type: 'boolean', default: true, describe: 'a new order in every epoch' },
  validation: {
    type: 'number',
    min: 0,
    default: 0.05,
    describe: 'share of the data held out, or number of examples',
  },
  validationData: { type: 'list', file: true, describe: 'file to validate on instead' },
} as const satisfies OptionTable
