/** Factors that some models take: of the loss, so that float16 gradients do not underflow, and of the kept sites. */
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  DropBPHandler,
  LossScale,
  openCompiled,
  openSession,
  Progress,
  type HostTensor,
  type Manifest,
  type Session,
  type SessionFactory,
} from '../../runtime/index.js'
import { copyTiny, openTiny, TINY, tinyData } from './tiny.js'

const factor = { input: 'loss_scale', default: 1024 }

describe('the loss scale', () => {
  it('halves on overflow and doubles after two thousand good steps', () => {
    const scale = new LossScale({ scale: factor })
    expect(scale.count(false)).toBe(true)
    expect(scale.value).toBe(512)
    for (let i = 0; i < 1999; i++) scale.count(true)
    expect(scale.value).toBe(512)
    scale.count(true)
    expect(scale.value).toBe(1024)
  })

  it('explains overflows until it can be lowered no further', () => {
    const scale = new LossScale({ scale: factor })
    const explained = Array.from({ length: 12 }, () => scale.count(false))
    expect(explained).toEqual([...Array<boolean>(10).fill(true), false, false])
    expect(scale.value).toBe(1)
  })

  it('goes on from a saved state', () => {
    const scale = new LossScale({ scale: factor })
    scale.count(false)
    for (let i = 0; i < 700; i++) scale.count(true)
    const other = new LossScale({ scale: factor })
    other.restore(JSON.parse(JSON.stringify(scale.state())) as ReturnType<typeof scale.state>)
    for (let i = 0; i < 1300; i++) other.count(true)
    expect(other.value).toBe(1024)
  })

  it('is nothing for models that take none', () => {
    const scale = new LossScale({})
    expect(scale.count(false)).toBe(false)
    expect(scale.value).toBe(1)
  })
})

it('skipped steps that the loss scale explains do not end a training', () => {
  const progress = new Progress(2)
  for (let i = 0; i < 9; i++) progress.count(10, 'gradient', true)
  progress.count(10, 'gradient')
  progress.count(10, 'gradient')
  expect(progress.skipped).toBe(11)
  expect(() => progress.count(10, 'gradient')).toThrow(expect.objectContaining({ code: 'not-finite' }))
})

describe('unbiased gradients', () => {
  it('want a model that takes factors', async () => {
    await expect(openTiny({ dropbp: { unbiased: true } })).rejects.toMatchObject({ code: 'not-unbiased' })
  })

  it('feed 1/(1 − rate) to each site', async () => {
    const { manifest } = openCompiled(TINY)
    const sites = manifest.sites.map((site) => ({ ...site, scale: `scale/${site.name}` }))
    const handler = new DropBPHandler({ ...manifest, sites }, { dropRate: 0.75, unbiased: true })
    expect(handler.siteFactors).toEqual([4, 4])
    const plain = new DropBPHandler({ ...manifest, sites }, { dropRate: 0.75 })
    expect(plain.siteFactors).toEqual([1, 1])
  })
})

it('the training graph is fed the factors that its manifest names', async () => {
  const directory = copyTiny()
  const file = path.join(directory, 'manifest.json')
  const manifest = JSON.parse(fs.readFileSync(file, 'utf8')) as Manifest
  manifest.loss.scale = factor
  for (const site of manifest.sites) site.scale = `scale/${site.name}`
  fs.writeFileSync(file, JSON.stringify(manifest))
  const fed: Record<string, HostTensor>[] = []
  const recording: SessionFactory = async (model, options) => {
    const session = await openSession(model, options)
    const run: Session['run'] = (feeds, fetches) => {
      fed.push({ ...feeds })
      return session.run(feeds, fetches)
    }
    return { inputs: session.inputs, outputs: session.outputs, run, release: () => session.release() }
  }
  const dropbp = { dropRate: 0.75, unbiased: true }
  const trainer = await openTiny({ dropbp, sessionFactory: recording }, directory)
  await trainer.trainStep([tinyData(trainer).next()])
  expect(fed[0]!['loss_scale']!.data).toEqual(Float32Array.of(1024))
  for (const site of manifest.sites) expect(fed[0]![site.scale!]!.data).toEqual(Float32Array.of(4))
})
