/** Forward `If`s: a kept branch also returns what its backward needs; a dropped one computes its output alone. */
import { cloneNode, type ValueMap } from '../../src/clone.js'
import { Graph, Node, type Value } from '../../src/ir.js'
import { outermost, topologicalOrder } from '../../src/order.js'
import { Condition } from '../condition.js'
import type { Site } from '../pass.js'
import { redirect } from '../canonical/replace.js'
import { boundary, moveNodes, usesOutside, type Branches, type BranchResult } from './branches.js'
import { hostNodes } from './execution.js'
import { trimOutputs } from './trim.js'

/**
 * Values read under many different conditions (an attention mask, say) are almost always needed, so that a copy which is
 * freed when all of them are dropped does not pay.
 */
const MAX_SHARING = 4

/** What a site's forward `If` has to return besides the branch. */
interface Plan {
  readonly site: Site
  readonly gate: number
  readonly region: ReadonlySet<Node>
  /** Where the region begins in a topological order of the forward. */
  readonly start: number
  /** Region values that only the kept backward reads. */
  readonly saved: Value[]
  /** Outer values that only the kept backward reads again, returned as copies so that dropping frees them. */
  readonly copies: Value[]
  condition: Value
}

/** Outlines the forward of every site whose backward needs something of it. */
export class ForwardGates {
  private readonly position: Map<Node, number>
  private readonly host: ReadonlySet<Node>
  private readonly plans: Plan[]
  private readonly planOf = new Map<Node, Plan>()
  /** Outer values read by several branches' backwards, by the condition of that. */
  private readonly shared = new Map<Condition, Value[]>()

  /**
   * @param regions forward nodes of each site alone
   * @param conditions execution conditions of backward nodes
   */
  constructor(
    graph: Graph,
    private readonly branches: Branches,
    regions: ReadonlyMap<Site, readonly Node[]>,
    private readonly conditions: ReadonlyMap<Node, Condition>,
    gates: readonly Value[],
  ) {
    const order = topologicalOrder(graph)
    this.position = new Map(order.map((n, i) => [n, i]))
    this.host = hostNodes(order)
    this.plans = [...regions].map(([site, nodes]) => ({
      site,
      gate: gates.indexOf(site.keep!),
      region: new Set(nodes),
      start: Math.min(...nodes.map((n) => this.position.get(n)!)),
      saved: [],
      copies: [],
      condition: site.keep!,
    }))
    for (const plan of this.plans) for (const node of plan.region) this.planOf.set(node, plan)
    for (const node of order) if (!conditions.has(node)) for (const v of node.outputs) this.classify(v)
  }

  /** Emits the `If`s. The DropBP nodes are dissolved already. */
  emit(): void {
    for (const [condition, values] of this.shared) this.emitShared(condition, values)
    for (const plan of this.plans) {
      if (plan.saved.length + plan.copies.length > 0) this.outline(plan)
    }
  }

  private classify(value: Value): void {
    const condition = this.readCondition(value)
    if (condition.isNever) return
    const owner = this.planOf.get(value.producer!)
    if (owner) {
      // What is read whether the branch is kept or not is an output of both branches, like the branch itself.
      if (condition.required.includes(owner.gate)) owner.saved.push(value)
    } else if (!condition.isAlways && !this.host.has(value.producer!)) this.classifyOuter(value, condition)
  }

  private classifyOuter(value: Value, condition: Condition): void {
    const plan = this.plans.find((p) => condition.required.includes(p.gate) && this.precedes(value, p))
    if (plan) plan.copies.push(value)
    else if (condition.size <= MAX_SHARING) {
      const values = this.shared.get(condition)
      if (values) values.push(value)
      else this.shared.set(condition, [value])
    }
  }

  private readCondition(value: Value): Condition {
    return Condition.any(
      [...value.uses].flatMap(({ user }) =>
        user instanceof Node ? (this.conditions.get(outermost(user)) ?? []) : [],
      ),
    )
  }

  /** Whether a value stands before a region in one topological order, so that it cannot depend on it. */
  private precedes(value: Value, plan: Plan): boolean {
    return plan.region.size > 0 && this.position.get(value.producer!)! < plan.start
  }

  /**
   * Copies for several branches' backwards. Nothing in the forward reads them, and a runtime would run this `If` as late
   * as it can, keeping the originals alive: the first of the branches takes its own condition from here, which orders it.
   */
  private emitShared(condition: Condition, values: readonly Value[]): void {
    const gates = new Set(condition.gates().flat())
    const first = this.plans.find((p) => gates.has(p.gate) && values.every((v) => this.precedes(v, p)))
    const [then, other] = [new Graph('shared_kept'), new Graph('shared_dropped')]
    const results: BranchResult[] = values.map((v) => ({ then: v, else: this.branches.empty(v.type!) }))
    if (first) results.push({ then: first.condition, else: first.condition })
    const backwardUses = values.map((v) => this.backwardUses(v))
    const outputs = this.branches.makeIf('shared', this.branches.value(condition), then, other, results)
    backwardUses.forEach((uses, i) => redirect(uses, outputs[i]!))
    if (first) first.condition = outputs.at(-1)!
  }

  private backwardUses(value: Value) {
    return [...value.uses].filter((u) => u.user instanceof Node && this.conditions.has(outermost(u.user)))
  }

  private outline(plan: Plan): void {
    const { site, region } = plan
    const saved = [...plan.saved, ...plan.copies]
    const savedUses = saved.map((v) => this.backwardUses(v))
    const both = [...region].flatMap((n) => n.outputs).filter((v) => this.isReadBesides(v, plan))
    const bothUses = both.map((v) =>
      usesOutside(v, region).filter((u) => !savedUses.some((s) => s.includes(u))),
    )
    const [then, other] = [new Graph(`${site.name}_kept`), new Graph(`${site.name}_dropped`)]
    const map = cloneSlice(region, both, other)
    moveNodes([...region], then)
    const results: BranchResult[] = [
      ...both.map((v) => ({ then: v, else: map.get(v)! })),
      ...saved.map((v) => ({ then: v, else: this.branches.empty(v.type!) })),
    ]
    const outputs = this.branches.makeIf(`forward/${site.name}`, plan.condition, then, other, results)
    ;[...bothUses, ...savedUses].forEach((uses, i) => redirect(uses, outputs[i]!))
  }

  /** Whether a region value is read outside by somebody else than the kept backward. */
  private isReadBesides(value: Value, plan: Plan): boolean {
    const outside = usesOutside(value, plan.region)
    return plan.saved.includes(value) ? outside.length > this.backwardUses(value).length : outside.length > 0
  }
}

/** Clones what `results` need of a region into a graph, without optional outputs that nobody reads there. */
function cloneSlice(region: ReadonlySet<Node>, results: readonly Value[], into: Graph): ValueMap {
  const needed = new Set<Node>()
  const pending = results.map((v) => v.producer!)
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (needed.has(node)) continue
    needed.add(node)
    for (const v of boundaryProducers(node)) if (region.has(v)) pending.push(v)
  }
  const map: ValueMap = new Map()
  for (const node of region) if (needed.has(node)) into.addNode(cloneNode(node, map))
  const kept = new Set(results.map((v) => map.get(v)))
  for (const node of into.nodes) trimOutputs(node, (v) => v.uses.size > 0 || kept.has(v))
  return map
}

function boundaryProducers(node: Node): Node[] {
  return [...boundary(new Set([node]))].map((v) => v.producer).filter((p) => p !== null)
}
