/** silu(g)·u, where nothing else reads silu(g). */
import { DOMAIN } from '../../src/ops/dropbp.js'
import { onlyReadBy, orders } from './match.js'
import type { Pattern } from './pattern.js'

export const swigluPattern: Pattern = {
  name: 'swiglu',
  match: (node, b) => {
    if (node.op !== 'Mul' || node.domain !== '') return undefined
    for (const [a, u] of orders(node)) {
      const silu = a.producer
      if (silu?.qualifiedOp !== 'com.microsoft::QuickGelu' || silu.float('alpha', 1.702) !== 1) continue
      if (a === u || !onlyReadBy(a, node)) continue
      return b.emit('SwiGLU', [silu.input(0), u], {}, { domain: DOMAIN, name: 'swiglu' })
    }
    return undefined
  },
}
