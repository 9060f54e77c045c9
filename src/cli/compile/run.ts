/** One compilation, from the command to its results. */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { compileModel, type Compilation } from '../../../passes/compile.js'
import type { CompileContext } from '../../../passes/pass.js'
import { ownersOf } from '../../../passes/find-residual-branches.js'
import { pipeline, type PassListener } from '../../../passes/pipeline.js'
import { checkOutput, StagedDirectory } from '../../directory.js'
import { CompileError, IOError } from '../../errors.js'
import { digestFile, replaceFile } from '../../files.js'
import type { Model } from '../../ir.js'
import { loadModel } from '../../onnx/index.js'
import type { OpTable } from '../../op.js'
import { standardOps } from '../../ops/index.js'
import { printModel } from '../../text.js'
import type { CheckReport } from '../check/results.js'
import type { Console } from '../console.js'
import type { CompileCommand } from './flags.js'
import { withCleanUp, yieldToSignals } from './interrupt.js'
import { Progress } from './progress.js'
import { printFound, printReport } from './report.js'
import { tableWith } from './rules.js'
import { listFiles, summarise, type Summary } from './summary.js'

/** Compiles, checks, writes and reports; returns the exit code. */
export async function compileCommand(command: CompileCommand, console: Console): Promise<number> {
  const progress = new Progress(console.err)
  try {
    return await new CompileRun(command, console, progress).execute()
  } finally {
    progress.clear()
  }
}

/** The typed module's name inside the directory. */
const BINDINGS = 'bindings.ts'

class CompileRun {
  /** The state of the compilation after the last pass. */
  private context: CompileContext | undefined

  constructor(
    private readonly command: CompileCommand,
    private readonly console: Console,
    private readonly progress: Progress,
  ) {}

  async execute(): Promise<number> {
    const { command } = this
    if (!command.dryRun) checkOutput(command.out, command.force)
    this.progress.show(`reading ${command.model}`)
    const source = loadModel(command.model)
    const table = command.rules === undefined ? standardOps : await tableWith(command.rules)
    const compilation = this.compile(source, table)
    const summary = summarise(command.model, compilation, command.at)
    if (command.dryRun) await this.dryRun(summary, compilation, source)
    else await this.write(summary, compilation, source)
    this.progress.clear()
    this.report(summary)
    const failed = summary.check?.results.filter((r) => !r.passed).length ?? 0
    if (failed === 0) return 0
    const kept = command.dryRun ? '' : '; nothing was written'
    this.console.err.write(
      `dropbp-compile: check-failed: ${failed} of ${summary.check!.results.length} comparisons failed${kept}\n`,
    )
    return 1
  }

  private compile(source: Model, table: OpTable): Compilation {
    const { model, options } = this.command
    try {
      const { sha256 } = digestFile(model)
      return compileModel(source, {
        ...options,
        source: { file: path.basename(model), sha256 },
        table,
        listener: this.listener(),
      })
    } catch (error) {
      this.progress.clear()
      if (this.command.dryRun && this.context && error instanceof CompileError)
        printFound(this.context, this.console.err)
      throw error
    }
  }

  private listener(): PassListener {
    const { printAfter } = this.command
    let done = 0
    return {
      before: (pass) => this.progress.show(`${++done}/${pipeline.length} ${pass.name}`),
      after: (pass, context) => {
        this.context = context
        if (!printAfter.has(pass.name)) return
        this.progress.clear()
        this.console.out.write(`# after ${pass.name}\n${printModel(context.model)}\n`)
      },
    }
  }

  /** Checks need files; a dry run's are removed again. */
  private async dryRun(summary: Summary, compilation: Compilation, source: Model): Promise<void> {
    if (!this.command.check) return
    let directory: string | undefined
    const remove = (): void => {
      if (directory !== undefined) fs.rmSync(directory, { recursive: true, force: true })
    }
    await withCleanUp(remove, async () => {
      try {
        directory = fs.mkdtempSync(path.join(os.tmpdir(), 'dropbp-check-'))
        compilation.writeInto(directory)
        summary.check = await this.check(directory, compilation, source)
      } finally {
        remove()
      }
    })
  }

  /** Everything is written beside the target and moved there when it is complete and checked. */
  private async write(summary: Summary, compilation: Compilation, source: Model): Promise<void> {
    const { out, force, check } = this.command
    // Made only when a signal would remove it.
    let staged: StagedDirectory | undefined
    await withCleanUp(
      () => staged?.discard(),
      async () => {
        try {
          staged = StagedDirectory.create(out, force)
          this.progress.show(`writing ${out}`)
          compilation.writeInto(staged.path)
          await yieldToSignals()
          if (check) summary.check = await this.check(staged.path, compilation, source)
          if (summary.check?.passed === false) return staged.discard()
          await this.writeBindings(staged.path, compilation)
          const files = listFiles(staged.path)
          await yieldToSignals()
          staged.commit()
          Object.assign(summary, { output: out, files })
        } catch (error) {
          staged?.discard()
          throw error
        }
      },
    )
  }

  private async check(
    directory: string,
    { manifest, context, annotated }: Compilation,
    source: Model,
  ): Promise<CheckReport> {
    const { checkCompiled } = await import('../check/check.js')
    const { model, at, options } = this.command
    const lossOutput = annotated.graph.outputs[context.loss!.from!]!.name
    const subject = {
      directory,
      manifest,
      source,
      sourceFile: model,
      lossOutput: source.graph.outputs.findIndex(({ name }) => name === lossOutput),
      owners: new Map(context.parameters.map((p) => [p.name, ownersOf(p)])),
      flat: options.flat,
    }
    return checkCompiled(subject, at, (name) => this.progress.show(`checking: ${name}`))
  }

  private async writeBindings(directory: string, { manifest }: Compilation): Promise<void> {
    const { bindings, out, force } = this.command
    if (bindings === undefined) return
    this.progress.show('writing bindings')
    const { generateBindings, isGenerated } = await import('../bindings.js')
    const text = generateBindings(manifest, path.basename(out))
    if (bindings === '') return fs.writeFileSync(path.join(directory, BINDINGS), text)
    if (!force && fs.existsSync(bindings) && !isGenerated(fs.readFileSync(bindings, 'utf8'))) {
      throw new IOError(
        'output-exists',
        `${bindings} exists and is none of dropbp's modules; replace it with --force or name another`,
      )
    }
    replaceFile(bindings, (sink) => sink.write(Buffer.from(text)))
  }

  private report(summary: Summary): void {
    const { json, printAfter, verbose } = this.command
    const ok = summary.check?.passed !== false
    if (json) this.console.out.write(`${JSON.stringify({ ok, ...summary }, null, 2)}\n`)
    else printReport(summary, printAfter.size > 0 ? this.console.err : this.console.out, { verbose })
  }
}
