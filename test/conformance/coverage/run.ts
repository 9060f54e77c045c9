/**
 * Writes docs/coverage.md from the committed results of the conformance tier and the operator table.
 *
 *     npm run docs:coverage
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { format, resolveConfig } from 'prettier'
import type { Row } from '../matrix/table.js'
import type { Results } from '../standard/result.js'
import { architectures } from './architectures.js'
import { operators } from './operators.js'

const TIER = path.resolve(import.meta.dirname, '..')
const PAGE = path.resolve(TIER, '../../docs/coverage.md')

const matrix = read<Row[]>('matrix/results.json')
const standard = read<Results>('standard/results.json')
const parts = [
  '# Coverage',
  '<!-- Written by `npm run docs:coverage` from test/conformance/*/results.json; do not edit. -->',
  'What compiles, with the right gradients. Measured by `npm run test:conformance`.',
  ...(matrix ? [architectures(matrix)] : []),
  operators(standard),
]
const options = { ...(await resolveConfig(PAGE)), parser: 'markdown' }
writeFileSync(PAGE, await format(parts.join('\n\n'), options))
console.log(`${path.relative(process.cwd(), PAGE)} is written`)

function read<T>(name: string): T | undefined {
  const file = path.join(TIER, name)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined
}
