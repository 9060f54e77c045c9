/** No operator without samples: every family in the table is checked, or says here why it cannot be. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const excused: Record<string, string> = {
  control: 'gradients are those of whole graphs; see test/passes/control-gradients.test.ts',
  dropbp: 'between passes only; conditions are tested with the gate pass',
  random: 'draws have no reference value',
  text: "strings; see text.test.ts and the standard's cases in test/conformance",
  sequences: 'values that are not tensors; replaced by the tensors they are made of',
}

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

const families = [...read('../../src/ops/index.ts').matchAll(/^ {2}\.\.\.(\w+),$/gm)].map((m) => m[1]!)

const tests = readdirSync(new URL('.', import.meta.url), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => read(file))

test('the table has families', () => expect(families.length).toBeGreaterThan(30))

test.each(families.filter((f) => !(f in excused)))('%s', (family) => {
  expect(tests.some((text) => text.includes(`checkFamily(${family}, `))).toBe(true)
})
