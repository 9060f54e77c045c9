/** kill -9 of the command line at random moments; `node dist/bench/kill.js` does it as often as one likes. */
import path from 'node:path'
import { expect, it } from 'vitest'
import { killAndResume } from '../../bench/kill.js'
import { TINY, TOKENS } from './tiny.js'

const SAVE_EVERY = 5

it('loses at most the steps since the last checkpoint, and resumes to the same losses', async () => {
  const flags = [TINY, '--data', TOKENS, '--seq', '8', '--batch', '2', '--lr', '0.01', '--threads', '1']
  const result = await killAndResume({
    cli: path.join(import.meta.dirname, '../../dist/src/cli/dropbp-train.js'),
    flags: [...flags, '--steps', '300', '--save-every', String(SAVE_EVERY), '--rates', 'online'],
    kills: 5,
  })
  expect(result.kills).toBe(5)
  // A checkpoint may be complete before its report is read: what is lost is then even less.
  expect(result.lost).toBeLessThanOrEqual(SAVE_EVERY)
}, 180_000)
