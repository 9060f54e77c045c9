/** Compiled directories appear complete or not at all. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkOutput, writeDirectory } from '../src/directory.js'

let root: string
const at = (...names: string[]): string => path.join(root, ...names)
const write = (file: string, text: string): void => fs.writeFileSync(file, text)
const MANIFEST = JSON.stringify({ format: 'dropbp-manifest', version: 1 })
const coded = (code: string): unknown => expect.objectContaining({ code, kind: 'io' })

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-directory-'))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

test('writes a new directory, with the parents it needs', () => {
  writeDirectory(at('a/b/out'), false, (t) => write(path.join(t, 'x'), '1'))
  expect(fs.readdirSync(root, { recursive: true })).toEqual(['a', 'a/b', 'a/b/out', 'a/b/out/x'])
})

test('leaves nothing behind when filling fails, made parents included', () => {
  const fail = (t: string): void => {
    write(path.join(t, 'x'), '1')
    throw new Error('interrupted')
  }
  expect(() => writeDirectory(at('a/b/out'), false, fail)).toThrow('interrupted')
  expect(() => writeDirectory(at('out'), true, fail)).toThrow('interrupted')
  expect(fs.readdirSync(root)).toEqual([])
})

test('refuses what exists unless forced', () => {
  fs.mkdirSync(at('out'))
  write(at('file'), '')
  const never = (): void => expect.unreachable()
  expect(() => writeDirectory(at('out'), false, never)).toThrow(coded('output-exists'))
  for (const force of [false, true])
    expect(() => writeDirectory(at('file'), force, never)).toThrow(coded('output-exists'))
})

test('forced, fills an empty directory', () => {
  fs.mkdirSync(at('out'))
  writeDirectory(at('out'), true, (t) => write(path.join(t, 'x'), '1'))
  expect(fs.readdirSync(root, { recursive: true })).toEqual(['out', 'out/x'])
})

test('forced, refuses a directory that holds something else', () => {
  fs.mkdirSync(at('out'))
  write(at('out/thesis.tex'), '')
  expect(() => checkOutput(at('out'), true)).toThrow(coded('foreign-directory'))
  write(at('out/manifest.json'), '{"format": "another"}')
  expect(() => checkOutput(at('out'), true)).toThrow(coded('foreign-directory'))
})

test('forced, the old directory survives until the new one is complete, and other files in it stay', () => {
  fs.mkdirSync(at('out/runs'), { recursive: true })
  for (const [name, text] of [
    ['manifest.json', MANIFEST],
    ['x', 'old'],
    ['runs/log', 'log'],
  ] as const)
    write(at('out', name), text)
  const fail = (): void => {
    throw new Error('disk full')
  }
  expect(() => writeDirectory(at('out'), true, fail)).toThrow('disk full')
  expect(fs.readFileSync(at('out/x'), 'utf8')).toBe('old')
  writeDirectory(at('out'), true, (t) => {
    expect(fs.readFileSync(at('out/x'), 'utf8')).toBe('old')
    write(path.join(t, 'x'), 'new')
  })
  expect(fs.readFileSync(at('out/x'), 'utf8')).toBe('new')
  expect(fs.readFileSync(at('out/runs/log'), 'utf8')).toBe('log')
  expect(fs.readdirSync(root)).toEqual(['out'])
})

test('follows a symbolic link to the directory it replaces', () => {
  fs.mkdirSync(at('real'))
  fs.symlinkSync(at('real'), at('link'))
  writeDirectory(at('link'), true, (t) => write(path.join(t, 'x'), '1'))
  expect(fs.lstatSync(at('link')).isSymbolicLink()).toBe(true)
  expect(fs.readdirSync(at('real'))).toEqual(['x'])
})

test('a parent that is a file is an input/output error', () => {
  write(at('file'), '')
  expect(() => writeDirectory(at('file/out'), false, () => {})).toThrow(coded('missing-directory'))
})
