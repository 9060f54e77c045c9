/** Weights that an exporter wrote as `Constant` nodes are parameters; small tables and masks are not. */
import { expect, test } from 'vitest'
import { compileModel } from '../../passes/compile.js'
import { parseModel } from '../../src/text.js'

const wave = (n: number): string => Array.from({ length: n }, (_, i) => Math.sin(i + 1).toFixed(3)).join()

test('matrices and the vectors of normalisations', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (int64[batch, seq] ids) => (float[batch, seq, 16] logits) {
      table = Constant <value = float[32, 16] {${wave(512)}}> ()
      scale = Constant <value = float[16] {${wave(16)}}> ()
      head = Constant <value = float[16, 16] {${wave(256)}}> ()
      turn = Constant <value = float[2, 16] {${wave(32)}}> ()
      shift = Constant <value = float[1, 1, 16] {${wave(16)}}> ()
      x = Gather (table, ids)
      n = LayerNormalization (x, scale)
      moved = Add (n, shift)
      logits = MatMul (moved, head)
    }`)
  const { manifest } = compileModel(model, { loss: { kind: 'token' } })
  expect(manifest.parameters.map((p) => p.name).sort()).toEqual(['head', 'scale', 'table'])
  expect(manifest.parameters.every((p) => p.trainable)).toBe(true)
})
