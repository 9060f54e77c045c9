/** The Python that PyTorch's side runs in. */
import { spawnSync } from 'node:child_process'
import path from 'node:path'

/** The script, which is not compiled and lies beside the sources. */
export const TORCH_SIDE = path.resolve(import.meta.dirname, '../../../bench/training/torch_side.py')

const HOW = `make an environment and run it again:
  python3 -m venv .venv
  .venv/bin/pip install torch transformers peft onnx onnxscript --extra-index-url https://download.pytorch.org/whl/cpu
--python names another interpreter`

/**
 * Versions of what the benchmark needs, in one line.
 * @throws Error that says how to get what is missing
 */
export function pythonVersions(python: string): string {
  const { status, stdout, stderr, error } = spawnSync(python, [TORCH_SIDE, 'versions'], { encoding: 'utf8' })
  if (error) throw new Error(`${python} cannot be run (${error.message}): ${HOW}`)
  if (status !== 0) throw new Error(`${python} lacks a package (${lastLine(stderr)}): ${HOW}`)
  const versions = JSON.parse(stdout) as Record<string, string>
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')
}

/**
 * Runs the script.
 * @throws Error with what it said last
 */
export function runTorchSide(python: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(python, [TORCH_SIDE, ...args], { encoding: 'utf8' })
  if (error) throw error
  if (status !== 0) throw new Error(`torch_side.py ${args[0]}: ${lastLine(stderr)}`)
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
