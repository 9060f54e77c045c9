/** Checks of masks: the loss stays, gradients come and go as the manifest says. */
import { Presence, Random } from '../../../runtime/index.js'
import { sizeOf } from '../../host-tensor.js'
import { plural } from '../console.js'
import { pattern } from '../group.js'
import { numbersOf, type Backward, type Bench } from './bench.js'
import { asserted, compared, distance, relativeError, type CheckResult } from './results.js'

interface Drop {
  mask: readonly boolean[]
  /** The only site dropped, where it is one. */
  only?: number
}

/** Single drops tried, spread over the sites. */
const SINGLES = 6
const RANDOM_MASKS = 3

/** Runs the training graph with everything kept, compares it with the evaluation graph's loss, and returns what it gave. */
export async function checkKeepAll(
  bench: Bench,
  loss: number,
): Promise<{ base: Backward; results: CheckResult[] }> {
  const mask = bench.manifest.sites.map(() => true)
  const base = await bench.backward(mask)
  const limit = bench.tolerance(1e-5)
  const results = [
    compared('training graph', [distance(base.loss, loss)], limit, "loss against the evaluation graph's"),
    presence('gradients present', wrongPresence(bench, mask, base), 1),
  ]
  return { base, results }
}

/** Everything dropped, single sites dropped, and random masks. */
export async function checkMasks(bench: Bench, base: Backward): Promise<CheckResult[]> {
  const drops = dropsFor(bench.manifest.sites.length)
  if (drops.length === 0) return []
  const losses: number[] = []
  const changes: number[] = []
  const wrong: string[] = []
  for (const { mask, only } of drops) {
    const run = await bench.backward(mask)
    losses.push(distance(run.loss, base.loss))
    wrong.push(...wrongPresence(bench, mask, run))
    if (only !== undefined) changes.push(...laterChanges(bench, only, base, run))
  }
  const absent = bench.subject.flat ? 'zero gradients' : 'absent gradients'
  const under = `under ${plural(drops.length, 'mask')}`
  return [
    compared('masked loss', losses, bench.tolerance(1e-5), `unchanged ${under}`),
    presence(absent, wrong, drops.length),
    compared(
      'kept gradients',
      changes,
      bench.tolerance(1e-4),
      'of later sites unchanged when one site is dropped',
    ),
  ]
}

function dropsFor(sites: number): Drop[] {
  if (sites === 0) return []
  const random = Random.seeded(2)
  const all = Array.from({ length: sites }, (_, i) => i)
  const singles = Array.from({ length: Math.min(SINGLES, sites) }, (_, k) =>
    Math.floor((k * sites) / Math.min(SINGLES, sites)),
  )
  return [
    { mask: all.map(() => false) },
    ...singles.map((only) => ({ mask: all.map((i) => i !== only), only })),
    ...Array.from({ length: RANDOM_MASKS }, () => ({ mask: all.map(() => random.uniform() < 0.5) })),
  ]
}

/** Parameters whose gradient is there and should not be, or the reverse. */
function wrongPresence(bench: Bench, mask: readonly boolean[], { gradients }: Backward): string[] {
  const expected = new Presence(bench.manifest).under(mask)
  const wrong = bench.trainable.filter(({ name, shape }, i) => {
    const { data } = gradients.get(name)!
    if (expected[i]) return data.length !== sizeOf(shape)
    return bench.subject.flat ? Array.prototype.some.call(data, (x) => Number(x) !== 0) : data.length !== 0
  })
  return wrong.map((p) => p.name)
}

function presence(name: string, wrong: readonly string[], masks: number): CheckResult {
  const names = [...new Set(wrong)]
  const detail =
    names.length === 0
      ? `as the manifest says, under ${plural(masks, 'mask')}`
      : `wrong for ${pattern(names)}`
  return asserted(name, names.length === 0, detail)
}

/** How much dropping one site changes the gradients inside later branches, which it must not: no path leads back. */
function laterChanges(
  { manifest, subject, trainable }: Bench,
  dropped: number,
  base: Backward,
  run: Backward,
): number[] {
  const index = new Map(manifest.sites.map((s) => [s.name, s.index]))
  const later = trainable.filter(({ name, presentWhen }) => {
    const owners = subject.owners.get(name) ?? []
    return presentWhen.length > 0 && owners.length > 0 && owners.every((s) => index.get(s)! > dropped)
  })
  return later.map(({ name }) =>
    relativeError(numbersOf(run.gradients.get(name)!), numbersOf(base.gradients.get(name)!)),
  )
}
