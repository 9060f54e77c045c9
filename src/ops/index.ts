/** The operator table: every family's definitions under their ONNX names. */
import { OpTable } from '../op.js'
import { cast } from './cast.js'
import { concat } from './concat.js'
import { dropbp } from './dropbp.js'
import { gather } from './gather.js'
import { layout } from './layout.js'
import { logic } from './logic.js'
import { reshape } from './reshape.js'
import { select } from './select.js'
import { shape } from './shape.js'
import { slice } from './slice.js'

/** Definitions of all operators. */
export const standardOps = new OpTable({
  ...cast,
  ...concat,
  ...dropbp,
  ...gather,
  ...layout,
  ...logic,
  ...reshape,
  ...select,
  ...shape,
  ...slice,
})
