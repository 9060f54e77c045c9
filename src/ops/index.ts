/** The operator table: every family's definitions under their ONNX names. */
import { OpTable } from '../op.js'
import { dropbp } from './dropbp.js'

export const standardOps = new OpTable({ ...dropbp })
