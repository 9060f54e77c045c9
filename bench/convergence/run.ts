/**
 * Does DropBP hold up? A small GPT is pretrained, then fine-tuned at several drop rates, rules and seeds.
 *
 *   npm run bench:convergence [-- --quick] [--directory results] [--jobs 2] [--pretrain] [--fine-tune] [--timing] [--report] [--sweep]
 *
 * Whatever is done already is not done again. Without a phase's name, all but the sweep.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { fineTune, sweep } from './jobs.js'
import { drawPicture } from './picture.js'
import { Places } from './places.js'
import { pretrain } from './pretrain.js'
import { collect } from './results.js'
import { settingsOf } from './settings.js'
import { resultTable } from './table.js'
import { takeTimes } from './timing.js'

const flag = { type: 'boolean', default: false } as const

const { values: given } = parseArgs({
  options: {
    quick: flag,
    directory: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    pretrain: flag,
    'fine-tune': flag,
    timing: flag,
    report: flag,
    sweep: flag,
  },
})

const settings = settingsOf(given.quick)
const places = new Places(given.directory ?? `convergence-output/${given.quick ? 'quick' : 'full'}`)
const jobs = Number(given.jobs)
const all = !(given.pretrain || given['fine-tune'] || given.timing || given.report || given.sweep)

function report(): void {
  const results = collect(places, settings)
  writeFileSync(places.results, `${JSON.stringify(results, null, 1)}\n`)
  writeFileSync(places.table, `${resultTable(results)}\n`)
  drawPicture(places.picture, results)
  console.log(`\n${resultTable(results)}\n\n${places.picture}.svg, .png`)
}

mkdirSync(places.directory, { recursive: true })
if (all || given.pretrain) await pretrain(places, settings, jobs)
if (given.sweep) await sweep(places, settings, jobs)
if (all || given['fine-tune']) await fineTune(places, settings, jobs)
if (all || given.timing) await takeTimes(places, settings)
if (all || given.report) report()
