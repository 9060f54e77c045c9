/** Where onnxruntime-node keeps the onnxruntime library, and which versions of it the native session drives. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** The library's file by platform: the one that onnxruntime-node's own binding is linked with, so that it is loaded once. */
const FILES: Readonly<Record<string, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
}

/** The version that all that is assumed of the library was measured on, up to its patch level. */
const DRIVEN = '1.30.'

/** A library to be loaded, or why there is none. */
export type Located = { version: string } & (
  { file: string; why?: undefined } | { file?: undefined; why: string }
)

/** Finds the library of the installed onnxruntime-node. */
export function locate(platform: string = process.platform, arch: string = process.arch): Located {
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json')
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const why = refusal(version)
  if (why !== undefined) return { version, why }
  const name = FILES[platform]
  const file = path.join(path.dirname(manifest), 'bin', 'napi-v6', platform, arch, name ?? '')
  if (name !== undefined && existsSync(file)) return { version, file }
  return { version, why: `onnxruntime-node ${version} brings no library for ${platform} on ${arch}` }
}

/** Why a version of onnxruntime is not driven; undefined where it is. */
export function refusal(version: string): string | undefined {
  if (version.startsWith(DRIVEN)) return undefined
  return `it drives onnxruntime ${DRIVEN}x and found ${version}`
}
