/** The data options of dropbp-train as batches and steps. */
import { afterEach, expect, it, vi } from 'vitest'
import { Batches, openCompiled } from '../../runtime/index.js'
import { prepareData } from '../../src/cli/train/data.js'
import { resolveSettings } from '../../src/cli/train/settings.js'
import { temporaryDirectory, TINY, TOKENS } from '../runtime/tiny.js'

afterEach(() => vi.restoreAllMocks())

const prepare = (length: { steps?: number; epochs?: number }) =>
  prepareData(
    openCompiled(TINY),
    resolveSettings({ data: [TOKENS], seq: 8, batch: 2, accumulate: 2, validation: 0, ...length }, null),
    temporaryDirectory(),
  )

it('counts the rows of an epoch only where the length is given in epochs', async () => {
  const rows = vi.spyOn(Batches.prototype, 'rowsPerEpoch')
  const given = await prepare({ steps: 7 })
  expect({ steps: given.steps, counted: rows.mock.calls.length }).toEqual({ steps: 7, counted: 0 })
  const counted = await prepare({ epochs: 3 })
  const perEpoch = rows.mock.results[0]!.value as number
  expect({ steps: counted.steps, counted: rows.mock.calls.length }).toEqual({
    steps: Math.ceil((3 * perEpoch) / 4),
    counted: 1,
  })
})
