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

test('zeros in the place of a bias that a PyTorch module lacks are none', () => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17], producer_name: "pytorch">
    g (float[batch, seq, 4] x) => (float[batch, seq, 4] logits) <float[4] "norm.weight" = {1, 2, 3, 4}> {
      ["/norm/Constant"] zeros = Constant <value = float[4] {0, 0, 0, 0}> ()
      ["/norm/LayerNormalization"] logits = LayerNormalization (x, "norm.weight", zeros)
    }`)
  const { manifest } = compileModel(model, { loss: { kind: 'token' } })
  expect(manifest.parameters.map((p) => p.name)).toEqual(['norm.weight'])
})
