/** The standard's cases as `write_cases.py` leaves them. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { readModel } from '../../../src/onnx/index.js'
import type { Tensor } from '../../../src/tensor.js'

/** A tensor, a list of them for a sequence, null for an optional that holds nothing. */
export type Item = Tensor | null | readonly Item[]

/** Inputs and the outputs that the standard expects of them. */
export interface DataSet {
  readonly inputs: readonly Item[]
  readonly outputs: readonly Item[]
}

/** One case: a model, usually of one node. */
export interface Case {
  readonly name: string
  readonly kind: string
  readonly rtol: number
  readonly atol: number
  /** Domain-qualified operators of the model, nested graphs included. */
  readonly operators: readonly string[]
  /** Why its values could not be written. */
  readonly unwritten?: string
  /** The model's file. */
  readonly file: string
  readonly bytes: () => Uint8Array
  readonly sets: () => DataSet[]
}

type Place = string | null | readonly Place[]

type Entry = Pick<Case, 'name' | 'kind' | 'rtol' | 'atol' | 'operators' | 'unwritten'> & {
  readonly sets: readonly { inputs: readonly Place[]; outputs: readonly Place[] }[]
}

/** An operator of the standard in one of its versions. */
export interface Schema {
  readonly domain: string
  readonly name: string
  readonly since: number
  readonly deprecated: boolean
  /** Operands, results and attributes, but for their types. */
  readonly form: string
}

/** All cases of a folder, and the version of the `onnx` package that they are of. */
export function readCases(folder: string): { onnx: string; cases: Case[] } {
  const { onnx, cases } = readJson(folder, 'cases') as { onnx: string; cases: Entry[] }
  return {
    onnx,
    cases: cases.map(({ sets, ...entry }) => ({
      ...entry,
      file: path.join(folder, `${entry.name}.onnx`),
      bytes: () => readFileSync(path.join(folder, `${entry.name}.onnx`)),
      sets: () => dataSets(path.join(folder, `${entry.name}.data.onnx`), sets),
    })),
  }
}

/** Every operator of the standard in every version. */
export function readSchemas(folder: string): Schema[] {
  return (readJson(folder, 'operators') as { operators: Schema[] }).operators
}

function readJson(folder: string, name: string): unknown {
  return JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8'))
}

function dataSets(file: string, sets: Entry['sets']): DataSet[] {
  const { graph } = readModel(readFileSync(file))
  const tensors = new Map([...graph.initializers].map((v) => [v.name, v.data!]))
  const resolve = (place: Place): Item =>
    place === null ? null : typeof place === 'string' ? tensors.get(place)! : place.map(resolve)
  return sets.map(({ inputs, outputs }) => ({ inputs: inputs.map(resolve), outputs: outputs.map(resolve) }))
}
