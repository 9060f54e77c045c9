/** Measures a cell: processes take turns, a step each, on the same tokens and masks; only one works at a time. */
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DropBPHandler, Random, type CompiledModel } from '../../runtime/index.js'
import { evaluateExpr } from '../../src/expr.js'
import { Rival, RivalEnded, type StepReply, type StepRequest } from '../rival.js'
import { vocabulary, type Cell } from './cells.js'
import { modelFlags, type Prepared } from './prepare.js'
import type { Options } from './options.js'
import { TORCH_SIDE } from './python.js'
import { CLIP_NORM, LEARNING_RATE } from './recipe.js'
import type { Absent, Measured, Use } from './record.js'
import type { Variant } from './variants.js'

/** Rest between two steps, until the other process's threads have stopped spinning. */
const REST_MS = 50
const WARM_UP = 2

/** The requests of all rounds, warm-up first, and what their masks leave. */
export interface Draw {
  requests: StepRequest[]
  /** Forward, and backward of what is kept. */
  flops: number[]
  /** Share of the backward's FLOPs dropped in the rounds that count. */
  dropped: number
}

/** Masks have the rate's FLOPs each: the runtime's default policy. */
export function draw(
  { manifest }: CompiledModel,
  cell: Cell,
  options: Pick<Options, 'size' | 'rounds'>,
): Draw {
  const dims = { batch: cell.batch, seq: cell.seq }
  const handler = new DropBPHandler(manifest, { dropRate: cell.rate, seed: 1 })
  handler.setDims(dims)
  const forward = evaluateExpr(manifest.flops.forward, dims)
  const random = Random.seeded(2, 0)
  const token = (): number => Math.floor(random.uniform() * vocabulary(cell.model, options.size))
  const shares: number[] = []
  const flops: number[] = []
  const requests = Array.from({ length: WARM_UP + options.rounds }, () => {
    const keep = [...handler.setDroppedLayers()]
    const backward = handler.backwardFlops()
    shares.push(backward.dropped / backward.total)
    flops.push(forward + backward.total - backward.dropped)
    return { keep, ids: Array.from({ length: cell.batch }, () => Array.from({ length: cell.seq }, token)) }
  })
  const counted = shares.slice(WARM_UP)
  return { requests, flops, dropped: counted.reduce((a, b) => a + b, 0) / counted.length }
}

/** Order of `n` processes in a round: begun at another place every second round, and backwards in between (ABBA, of two). */
export function orderOf(n: number, round: number): number[] {
  const start = Math.floor(round / 2) % n
  const order = Array.from({ length: n }, (_, i) => (start + i) % n)
  return round % 2 === 0 ? order : order.reverse()
}

/** Splits rivals into groups that fit into memory beside the base, as even as can be. */
export function groupsOf<T>(rivals: readonly T[], processes: number): T[][] {
  const groups = Math.ceil(rivals.length / Math.max(1, processes - 1))
  return Array.from({ length: groups }, (_, g) =>
    rivals.slice(Math.round((g * rivals.length) / groups), Math.round(((g + 1) * rivals.length) / groups)),
  )
}

/** How many processes the free memory takes: parameters, gradients and moments, logits several times over, and the rest. */
export function processesThatFit({ manifest }: CompiledModel, tokens: number): number {
  const parameters = manifest.parameters.reduce(
    (bytes, p) => bytes + (p.trainable ? 16 : 4) * p.shape.reduce((n, d) => n * d, 1),
    0,
  )
  const one = parameters + 20 * tokens * (manifest.loss.classes ?? 0) + 1e9
  return Math.max(2, Math.floor((0.85 * os.freemem()) / one))
}

/** A group of variants in a cell; the base comes first. */
export interface Group {
  cell: Cell
  prepared: Prepared
  variants: readonly Variant[]
  draw: Draw
  options: Options
}

/** What a group came to: a result for each rival, and what the base runs on. */
export interface GroupResult {
  backend: string
  results: Map<string, Measured | Absent>
}

/** A process of a variant, with what is known of it so far. */
interface Player {
  variant: Variant
  rival: Rival
  empty: number
  about?: string
  prepared?: number
  replies: StepReply[]
  use?: Use
  absent?: string
}

/** @throws Error where the base cannot be measured */
export async function measureGroup(group: Group): Promise<GroupResult> {
  const players: Player[] = []
  try {
    for (const variant of group.variants) players.push(await enter(group, variant))
    for (const [round, request] of group.draw.requests.entries())
      for (const i of orderOf(players.length, round)) await take(players[i]!, players[0]!, request)
    for (const player of players) await attempt(player, () => readUse(player))
  } finally {
    await Promise.all(players.map(({ rival }) => rival.stop()))
  }
  const [base, ...rivals] = players as [Player, ...Player[]]
  if (base.absent !== undefined) throw new Error(base.absent)
  return {
    backend: base.about ?? '',
    results: new Map(rivals.map((rival) => [rival.variant.name, resultOf(group.draw, base, rival)])),
  }
}

/** Starts a process, has it load and compile, and starts its peak of memory. */
async function enter(group: Group, variant: Variant): Promise<Player> {
  const player: Player = { variant, rival: startRival(group, variant), empty: 0, replies: [] }
  await attempt(player, async () => {
    const { rival } = player
    Object.assign(player, await rival.ask<{ empty: number; about?: string }>({ op: 'hello' }))
    if (variant.compiles) {
      const { seconds } = await rival.ask<{ seconds: number }>({
        op: 'prepare',
        requests: group.draw.requests,
      })
      player.prepared = seconds
    }
    await rival.reset()
  })
  return player
}

function startRival({ cell, prepared, options }: Group, variant: Variant): Rival {
  const { name, environment } = variant
  if (variant.side === 'dropbp') {
    const worker = [
      path.join(import.meta.dirname, 'worker.js'),
      prepared.directoryOf(name),
      String(options.threads),
    ]
    const kernels = name.startsWith('kernels') ? ['--kernels'] : []
    return Rival.start(name, process.execPath, [...worker, ...kernels], environment)
  }
  const recipe = ['--learning-rate', String(LEARNING_RATE), '--clip-norm', String(CLIP_NORM)]
  const worker = [TORCH_SIDE, 'work', ...modelFlags(cell.model, cell.mode, options), ...recipe]
  const args = [...worker, '--threads', String(options.threads), ...variant.flags]
  return Rival.start(name, options.python, args, environment)
}

/** One step of one process, and the rest after it. */
async function take(player: Player, base: Player, request: StepRequest): Promise<void> {
  await attempt(player, async () => {
    player.replies.push(await player.rival.step(request))
    await sleep(REST_MS)
  })
  if (base.absent !== undefined) throw new Error(base.absent)
}

async function readUse(player: Player): Promise<void> {
  const { peak } = await player.rival.memory()
  player.use = { empty: player.empty, peak }
}

/** Runs an action of a process that is still there; one that ends takes no further part. */
async function attempt(player: Player, action: () => Promise<void>): Promise<void> {
  if (player.absent !== undefined) return
  try {
    await action()
  } catch (error) {
    if (!(error instanceof RivalEnded)) throw error
    player.absent = error.message
  }
}

function resultOf({ flops, dropped }: Draw, base: Player, rival: Player): Measured | Absent {
  if (rival.absent !== undefined) return { absent: rival.absent }
  const differing = base.replies.findIndex(
    ({ loss }, i) => !(Math.abs(rival.replies[i]!.loss / loss - 1) <= rival.variant.tolerance),
  )
  if (differing >= 0) {
    const [own, other] = [base.replies[differing]!.loss, rival.replies[differing]!.loss]
    return {
      absent: `it computes something else: at step ${differing + 1} loss ${other}, of ${base.variant.name} ${own}`,
    }
  }
  const rounds = base.replies.map((reply, i) => ({ base: reply, rival: rival.replies[i]!, flops: flops[i]! }))
  return {
    rounds: rounds.slice(WARM_UP),
    dropped,
    memory: { base: base.use!, rival: rival.use! },
    ...(rival.prepared !== undefined && { prepared: rival.prepared }),
  }
}
