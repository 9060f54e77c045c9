/** One fine-tuning, in a process of its own: `node fine-tune.js <job as JSON>`. */
import { renameSync } from 'node:fs'
import { Batches, openCompiled, Trainer, type TrainEvent } from '../../runtime/index.js'
import { evaluateExpr } from '../../src/expr.js'
import { appendLine, writeLines } from './lines.js'
import { partOf, type Header, type RunLine } from './record.js'
import { CLIP_NORM, RULES, WEIGHT_DECAY } from './settings.js'
import { fineTuningText } from './texts.js'

/** What a process is asked to do. */
export interface Job {
  /** Compiled directory of the pretrained model. */
  compiled: string
  /** Where the record goes. */
  file: string
  header: Header
  threads: number
}

/** Trains and records; the record has its name once it is complete. */
async function fineTune({ compiled, file, header, threads }: Job): Promise<void> {
  const started = performance.now()
  const trainer = await openTrainer(compiled, header, threads)
  const { batch, evaluateEvery } = header.training
  const { train, validation } = fineTuningText(header.context)
  const data = new Batches(trainer.compiled.manifest, train, { batch, seed: header.run.seed })
  const held = new Batches(trainer.compiled.manifest, validation, { batch })
  const part = partOf(file)
  writeLines(part, [header])
  const write = (line: RunLine): void => appendLine(part, line)
  const work = new Work(trainer, { batch, seq: header.context })
  const before = await trainer.evaluate(held.once())
  write({ step: 0, validation: before.loss, gflops: 0 })
  for await (const event of trainer.fit({ data, validation: () => held.once(), evaluateEvery })) {
    work.add(event)
    const line = lineOf(event, work.gflops)
    if (line) write(line)
  }
  write({ end: true, seconds: (performance.now() - started) / 1e3 })
  renameSync(part, file)
  await trainer.release()
}

function openTrainer(directory: string, { run, training }: Header, threads: number): Promise<Trainer> {
  const { policy, rates } = RULES[run.rule]
  const { steps, learningRate, warmup } = training
  return Trainer.open(directory, {
    steps,
    learningRate,
    warmup,
    schedule: 'cosine',
    clipNorm: CLIP_NORM,
    hyperparameters: { weight_decay: WEIGHT_DECAY },
    dropbp: { dropRate: run.rate, policy, seed: run.seed },
    rates: run.rate === 0 ? 'uniform' : rates,
    session: { threads, spin: false },
  })
}

/** FLOPs of forward and backward so far, as the manifest tells them; the optimizer's are not among them. */
class Work {
  private flops = 0
  private readonly forward: number
  private readonly backward: number

  constructor(
    private readonly trainer: Trainer,
    dims: Readonly<Record<string, number>>,
  ) {
    const { flops } = openCompiled(trainer.compiled.directory).manifest
    this.forward = evaluateExpr(flops.forward, dims)
    this.backward = evaluateExpr(flops.backward, dims)
  }

  get gflops(): number {
    return this.flops / 1e9
  }

  add(event: TrainEvent): void {
    if (event.type === 'step') this.flops += this.forward + this.backward * (1 - event.backwardSkipped)
    if (event.type === 'rates') this.flops += this.measurement()
  }

  /** The official sensitivities take N + 1 passes: one whole, and one without each site's backward. */
  private measurement(): number {
    if (this.trainer.options.rates !== 'sensitivity') return 0
    const sites = this.trainer.handler.extractFlops()
    const without = sites.reduce((sum, f) => sum + this.forward + this.backward - f, 0)
    return this.forward + this.backward + without
  }
}

function lineOf(event: TrainEvent, gflops: number): RunLine | null {
  if (event.type === 'evaluation') return { step: event.step, validation: event.loss, gflops }
  if (event.type === 'rates') {
    const { step, rates, sensitivities } = event
    return { step, rates: [...rates], sensitivities: sensitivities && [...sensitivities] }
  }
  if (event.type !== 'step') return null
  const { step, loss, dropRate, gradientNorm } = event
  return { step, loss, gradientNorm, dropped: dropRate, gflops }
}

await fineTune(JSON.parse(process.argv[2]!) as Job)
