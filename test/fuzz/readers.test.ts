/** Damaged safetensors files and manifests of compiled directories: refused with a code, or read whole. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openCompiled } from '../../runtime/manifest.js'
import { DropBPError } from '../../src/errors.js'
import { readSafetensors } from '../../src/safetensors.js'
import { damageBytes } from './bytes.js'
import { Choices } from './source.js'

const TINY = path.resolve(import.meta.dirname, '../runtime/fixtures/tiny.dropbp')
const SEEDS = 400

let root: string
beforeAll(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-readers-'))
  fs.cpSync(TINY, root, { recursive: true })
})
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))

/** Writes mutants of a file and reads them; returns what failed without a code. */
function defects(file: string, read: () => unknown): string[] {
  const whole = Uint8Array.from(fs.readFileSync(path.join(TINY, file)))
  const found: string[] = []
  for (let seed = 0; seed < SEEDS; seed++) {
    fs.writeFileSync(path.join(root, file), damageBytes(whole, new Choices(seed)))
    try {
      read()
    } catch (error) {
      if (!(error instanceof DropBPError)) found.push(`seed ${seed}: ${(error as Error).stack}`)
    }
  }
  fs.writeFileSync(path.join(root, file), whole)
  return found
}

test('a checkpoint', () => {
  const file = 'checkpoint/params.safetensors'
  expect(defects(file, () => readSafetensors(path.join(root, file)))).toEqual([])
})

test('a manifest', () => {
  expect(defects('manifest.json', () => openCompiled(root))).toEqual([])
})
