/** Strings have no numbers that the harness could compare: types only. Values are those of the runtime. */
import { expect, test } from 'vitest'
import { inferGraph } from '../../src/infer.js'
import { standardOps } from '../../src/ops/index.js'
import { text } from '../../src/ops/text.js'
import { parseModel } from '../../src/text.js'
import { formatType } from '../../src/types.js'

const PROGRAMS: Record<keyof typeof text, [body: string, ...types: string[]]> = {
  StringNormalizer: ['y = StringNormalizer <case_change_action = "LOWER"> (x)', 'string[n, unknown_0]'],
  StringSplit: ['y, z = StringSplit <delimiter = ","> (x)', 'string[n, 3, unknown_0]', 'int64[n, 3]'],
  StringConcat: ['y = StringConcat (x, s)', 'string[n, 3]'],
  RegexFullMatch: ['y = RegexFullMatch <pattern = "a+"> (x)', 'bool[n, 3]'],
  TfIdfVectorizer: [
    'y = TfIdfVectorizer <mode = "TF", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0, ngram_counts = [0], ' +
      'ngram_indexes = [2, 0, 1], pool_strings = ["a", "b", "c"]> (x)',
    'float32[n, 3]',
  ],
}

test.each(Object.entries(PROGRAMS))('%s', (_op, [body, ...types]) => {
  const names = body.split(' = ')[0]!
  const model = parseModel(`g (string[n, 3] x, string[1, 3] s) => (${names}) { ${body} }`)
  inferGraph(model.graph, model, standardOps)
  expect(model.graph.outputs.map((v) => formatType(v.type))).toEqual(types)
})
