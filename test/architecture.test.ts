/** The dependency direction: src core ← kernels ← passes; runtime beside passes; only src/index.ts and src/cli see all. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { preProcessFile } from 'typescript'
import { describe, expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')

type Layer = 'core' | 'kernels' | 'passes' | 'runtime' | 'top' | 'outside'

/** What each layer may import, besides packages. */
const ALLOWED: Record<Exclude<Layer, 'outside'>, readonly Layer[]> = {
  core: ['core'],
  kernels: ['core', 'kernels'],
  passes: ['core', 'kernels', 'passes'],
  runtime: ['core', 'kernels', 'runtime'],
  top: ['core', 'kernels', 'passes', 'runtime', 'top'],
}

function layerOf(file: string): Layer {
  const [first, second] = relative(ROOT, file).split('/')
  if (first === 'src') return second === 'index.ts' || second === 'cli' ? 'top' : 'core'
  return first === 'kernels' || first === 'passes' || first === 'runtime' ? first : 'outside'
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, folder, name))
}

/** Files of the project that `file` imports, statically or dynamically, types included. */
function imports(file: string): string[] {
  return preProcessFile(readFileSync(file, 'utf8'))
    .importedFiles.map((i) => i.fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) => resolve(dirname(file), name.replace(/\.js$/, '.ts')))
}

const files = ['src', 'kernels', 'passes', 'runtime']
  .filter((f) => existsSync(join(ROOT, f)))
  .flatMap(sources)

describe('dependency direction', () => {
  test('reads the imports of every layer', () => {
    for (const layer of ['core', 'kernels', 'passes', 'runtime', 'top'])
      expect(files.map(layerOf)).toContain(layer)
    expect(files.filter((file) => imports(file).length > 0).length).toBeGreaterThan(files.length / 2)
  })

  test.each(Object.entries(ALLOWED))('%s imports only what it may', (layer, allowed) => {
    const wrong = files
      .filter((file) => layerOf(file) === layer)
      .flatMap((file) => imports(file).map((target) => ({ file, target })))
      .filter(({ target }) => !allowed.includes(layerOf(target)))
      .map(({ file, target }) => `${relative(ROOT, file)} imports ${relative(ROOT, target)}`)
    expect(wrong).toEqual([])
  })

  test.each(['passes/parameters', 'runtime/data', 'runtime/report', 'runtime/policies'])(
    'no two files of %s need each other, however far around',
    (folder) => {
      const own = new Map(sources(folder).map((file) => [file, imports(file)]))
      const reached = (file: string): Set<string> => {
        const found = new Set(own.get(file)!)
        for (const next of found) for (const target of own.get(next) ?? []) found.add(target)
        return found
      }
      const circular = [...own.keys()].filter((file) => reached(file).has(file))
      expect(circular.map((file) => relative(ROOT, file))).toEqual([])
    },
  )
})
