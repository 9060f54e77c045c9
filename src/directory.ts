/** Directories that appear complete or not at all. */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { IOError } from './errors.js'
import { guarded } from './files.js'

/** A directory is one of ours, and may be replaced, when it holds this file with this format in it. */
const MANIFEST = { file: 'manifest.json', format: 'dropbp-manifest' }

/**
 * Fills a directory beside the target and renames it into place. With `force` it replaces a compiled directory, which
 * stays whole until then; files in it that the new one does not have (those of a training run, say) are kept.
 * @param fill writes the files into the directory it is given
 * @throws IOError `output-exists`, `foreign-directory`, `disk-full`, `no-permission`, …; nothing is left behind then
 */
export function writeDirectory(directory: string, force: boolean, fill: (temporary: string) => void): void {
  const staged = StagedDirectory.create(directory, force)
  try {
    fill(staged.path)
    staged.commit()
  } catch (error) {
    staged.discard()
    throw error
  }
}

/** A directory that is being filled beside its target. */
export class StagedDirectory {
  private constructor(
    readonly path: string,
    private readonly target: string,
    private readonly madeParent: string | undefined,
  ) {}

  /** @throws IOError `output-exists`, `foreign-directory`, `no-permission`, … */
  static create(directory: string, force: boolean): StagedDirectory {
    checkOutput(directory, force)
    const target = fs.existsSync(directory) ? fs.realpathSync(directory) : path.resolve(directory)
    const madeParent = guarded(directory, 'write', () =>
      fs.mkdirSync(path.dirname(target), { recursive: true }),
    )
    const staged = new StagedDirectory(sibling(target, 'new'), target, madeParent)
    guarded(directory, 'write', () => fs.mkdirSync(staged.path))
    return staged
  }

  /** Renames into place; an old directory steps aside first and comes back where that fails. */
  commit(): void {
    place(this.path, this.target)
  }

  /** Removes it, with the parents that were made for it. */
  discard(): void {
    fs.rmSync(this.madeParent ?? this.path, { recursive: true, force: true })
  }
}

/**
 * Whether a compilation may be written to `directory`, asked before the work starts.
 * @throws IOError `output-exists`, `foreign-directory`
 */
export function checkOutput(directory: string, force: boolean): void {
  const stat = guarded(directory, 'write', () => fs.statSync(directory, { throwIfNoEntry: false }))
  if (!stat) return
  if (!stat.isDirectory()) {
    throw new IOError('output-exists', `${directory} is a file; name a directory with --out`)
  }
  if (!force) {
    throw new IOError(
      'output-exists',
      `${directory} exists; replace it with --force or name another with --out`,
    )
  }
  if (isCompiled(directory) || guarded(directory, 'write', () => fs.readdirSync(directory)).length === 0)
    return
  throw new IOError(
    'foreign-directory',
    `${directory} holds files and no ${MANIFEST.file} of dropbp, so --force does not replace it; name another with --out`,
  )
}

function isCompiled(directory: string): boolean {
  try {
    const manifest: unknown = JSON.parse(fs.readFileSync(path.join(directory, MANIFEST.file), 'utf8'))
    return (manifest as { format?: unknown } | null)?.format === MANIFEST.format
  } catch {
    return false
  }
}

function sibling(target: string, what: string): string {
  return path.join(
    path.dirname(target),
    `.${path.basename(target)}.${what}-${process.pid}-${randomBytes(4).toString('hex')}`,
  )
}

function place(temporary: string, target: string): void {
  if (!fs.existsSync(target)) {
    guarded(target, 'write', () => fs.renameSync(temporary, target))
    return
  }
  const aside = sibling(target, 'old')
  guarded(target, 'write', () => fs.renameSync(target, aside))
  try {
    guarded(target, 'write', () => fs.renameSync(temporary, target))
  } catch (error) {
    fs.renameSync(aside, target)
    throw error
  }
  for (const name of fs.readdirSync(aside)) {
    const kept = path.join(target, name)
    if (!fs.existsSync(kept)) fs.renameSync(path.join(aside, name), kept)
  }
  fs.rmSync(aside, { recursive: true, force: true })
}
