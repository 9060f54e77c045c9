/** What a command loads before it knows what it is asked for: libraries of one format or one file come when they are needed. */
import fs from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** Modules that a file loads at once: neither types nor dynamic imports. */
function statically(file: string): string[] {
  const { statements } = ts.createSourceFile(file, fs.readFileSync(file, 'utf8'), ts.ScriptTarget.ESNext)
  return statements.flatMap((s) => {
    const isLoaded = ts.isImportDeclaration(s)
      ? !s.importClause?.isTypeOnly &&
        (s.importClause?.name !== undefined || !onlyTypes(s.importClause?.namedBindings))
      : ts.isExportDeclaration(s) && !s.isTypeOnly && !onlyTypes(s.exportClause)
    const from = (s as ts.ImportDeclaration).moduleSpecifier
    return isLoaded && from && ts.isStringLiteral(from) ? [from.text] : []
  })
}

function onlyTypes(bindings: ts.NamedImportBindings | ts.NamedExportBindings | undefined): boolean {
  return (
    bindings !== undefined &&
    (ts.isNamedImports(bindings) || ts.isNamedExports(bindings)) &&
    bindings.elements.length > 0 &&
    (bindings.elements as ts.NodeArray<ts.ImportSpecifier | ts.ExportSpecifier>).every((e) => e.isTypeOnly)
  )
}

/** Packages that are loaded with an entry, at any depth. */
function packagesOf(entry: string): string[] {
  const seen = new Set([path.join(ROOT, entry)])
  const packages = new Set<string>()
  for (const file of seen)
    for (const name of statically(file)) {
      if (name.startsWith('.')) seen.add(path.resolve(path.dirname(file), name.replace(/\.js$/, '.ts')))
      else if (!name.startsWith('node:')) packages.add(name)
    }
  return [...packages].sort()
}

it('dropbp-train --help needs the parser of flags, and no more than the tables of tasks bring', () => {
  expect(packagesOf('src/cli/dropbp-train.ts')).toEqual(['@huggingface/jinja', 'yargs'])
})

it.each([
  ['training', 'src/cli/train/threads/trainer-thread.ts'],
  ['data', 'runtime/data/thread/worker.ts'],
])('the %s thread leaves formats, pages and settings files to their use', (_, entry) => {
  const packages = packagesOf(entry)
  expect(packages).toContain('@huggingface/tokenizers')
  for (const late of ['csv-parse', 'hyparquet', 'hyparquet-compressors', 'd3-scale', 'd3-shape', 'yaml'])
    expect(packages).not.toContain(late)
})
