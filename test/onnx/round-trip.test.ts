/** Exported models survive reading and writing: judged by onnx-proto, by the own schema, and by ONNX Runtime. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onnx } from 'onnx-proto'
import * as ort from 'onnxruntime-node'
import protobuf from 'protobufjs/light.js'
import { describe, expect, it } from 'vitest'
import { encodeModel, fromProto, loadModel, readModel } from '../../src/onnx/index.js'
import { wireType } from '../../src/onnx/schema.js'
import { verify } from '../../src/verify.js'

const FOLDER = join(import.meta.dirname, '..', 'models')
const NAMES = readdirSync(FOLDER)
  .filter((f) => f.endsWith('.onnx'))
  .map((f) => f.slice(0, -'.onnx'.length))

interface LooseTensor {
  name: string
  rawData?: Uint8Array
  externalData?: { key: string; value: string }[]
  dataLocation?: unknown
}

interface LooseModel {
  opsetImport: { domain?: string }[]
  graph: { initializer: LooseTensor[]; valueInfo: { name: string }[] } & Record<string, unknown>
}

/** Data into one place, descriptions of values into one order: what a file may say in more than one way. */
function normalised(model: LooseModel): LooseModel {
  for (const tensor of model.graph.initializer) {
    const entries = new Map((tensor.externalData ?? []).map((e) => [e.key, e.value]))
    const location = entries.get('location')
    if (location !== undefined) {
      const file = readFileSync(join(FOLDER, location))
      const offset = Number(entries.get('offset') ?? 0)
      tensor.rawData = file.subarray(offset, offset + Number(entries.get('length')))
    }
    if (tensor.rawData) tensor.rawData = Buffer.from(tensor.rawData)
    delete tensor.externalData
    delete tensor.dataLocation
  }
  for (const opset of model.opsetImport) opset.domain ??= ''
  model.graph.valueInfo?.sort((a, b) => (a.name < b.name ? -1 : 1))
  return model
}

function decodeByOnnxProto(bytes: Uint8Array): LooseModel {
  return normalised(
    onnx.ModelProto.toObject(onnx.ModelProto.decode(bytes), { longs: String }) as unknown as LooseModel,
  )
}

function decodeByOwnSchema(bytes: Uint8Array): LooseModel {
  const reader = protobuf.Reader.create(bytes)
  reader.discardUnknown = false
  const type = wireType('ModelProto')
  return normalised(type.toObject(type.decode(reader), { longs: String }) as unknown as LooseModel)
}

/** The tensors of a safetensors file whose names begin with `in/`. */
function inputsOf(name: string): Record<string, ort.Tensor> {
  const file = readFileSync(join(FOLDER, `${name}.safetensors`))
  const length = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  const feeds: Record<string, ort.Tensor> = {}
  for (const [key, entry] of Object.entries(header)) {
    if (!key.startsWith('in/')) continue
    expect(entry.dtype).toBe('I64')
    const [from, to] = entry.data_offsets
    const copy = Uint8Array.from(file.subarray(8 + length + from, 8 + length + to))
    feeds[key.slice(3)] = new ort.Tensor('int64', new BigInt64Array(copy.buffer), entry.shape)
  }
  return feeds
}

async function outputsOf(model: string | Uint8Array, name: string): Promise<Record<string, unknown>> {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1 }
  const session = await (typeof model === 'string'
    ? ort.InferenceSession.create(model, options)
    : ort.InferenceSession.create(model, options))
  const feeds = inputsOf(name)
  const outputs = await session.run(Object.fromEntries(session.inputNames.map((n) => [n, feeds[n]!])))
  await session.release()
  return Object.fromEntries(Object.entries(outputs).map(([n, t]) => [n, { dims: t.dims, data: t.data }]))
}

describe.each(NAMES)('%s', (name) => {
  const file = join(FOLDER, `${name}.onnx`)
  const source = readFileSync(file)
  const written = encodeModel(loadModel(file))

  it('says the same to onnx-proto', () => {
    expect(decodeByOnnxProto(written)).toEqual(decodeByOnnxProto(source))
  })

  it('says the same in the current IR, node metadata included', () => {
    const own = decodeByOwnSchema(written)
    expect(own).toEqual(decodeByOwnSchema(source))
    if (!name.includes('_ts')) expect(JSON.stringify(own.graph.node)).toContain('pkg.torch.onnx.name_scopes')
  })

  it('computes the same', async () => {
    expect(await outputsOf(written, name)).toEqual(await outputsOf(file, name))
  })

  it('is a fixed point of reading and writing, and verifies', () => {
    const again = readModel(written)
    verify(again, 'reading')
    expect(Buffer.compare(encodeModel(again), written)).toBe(0)
  })

  it('can come as a plain object of onnx-proto', () => {
    const decoded = onnx.ModelProto.decode(written)
    const expected = decodeByOnnxProto(written)
    expect(decodeByOnnxProto(encodeModel(fromProto(decoded)))).toEqual(expected)
    const plain = onnx.ModelProto.toObject(decoded, { enums: String, longs: Number })
    expect(decodeByOnnxProto(encodeModel(fromProto(plain)))).toEqual(expected)
  })
})
