// Trains the tiny model from its latest checkpoint and saves after every step, until killed. Arguments: runtime, model, data, root.
import process from 'node:process'
import { pathToFileURL } from 'node:url'
const [runtime, model, tokens, root] = process.argv.slice(2)
const { Batches, latestCheckpoint, listCheckpoints, readTokens, TokenWindows, Trainer } = await import(
  pathToFileURL(runtime).href
)
const trainer = await Trainer.open(model, {
  steps: 1e6,
  learningRate: 1e-3,
  dropbp: { dropRate: 0.5 },
  session: { threads: 1, spin: false },
})
const data = new Batches(trainer.compiled.manifest, new TokenWindows(readTokens(tokens), 8), {
  batch: 2,
})
if (listCheckpoints(root).length > 0) data.seek(trainer.resume(latestCheckpoint(root).directory))
for (;;) {
  await trainer.trainStep([data.next()])
  trainer.save(root, data.position())
  process.stdout.write(`${trainer.step}\n`)
}
