/** Which backend a session gets, and what is said where it is not the native one. */
import { afterEach, describe, expect, test } from 'vitest'
import { chooseBackend } from '../../../runtime/index.js'
import { locate, refusal } from '../../../runtime/native/location.js'
import { available } from './available.js'

afterEach(() => {
  delete process.env.DROPBP_SESSION
})

describe('choice', () => {
  test.skipIf(!available)('native where it can be had, and only on the processor', () => {
    expect(chooseBackend()).toMatchObject({ name: 'native' })
    expect(chooseBackend({ providers: ['cpu'] })).toMatchObject({ name: 'native' })
    expect(chooseBackend({ providers: ['webgpu', 'cpu'] })).toMatchObject({
      name: 'node',
      why: expect.stringContaining('webgpu') as string,
    })
  })

  test('another one on request, by option before environment', () => {
    expect(chooseBackend({ backend: 'node' })).toMatchObject({ name: 'node', why: 'as asked' })
    process.env.DROPBP_SESSION = 'node'
    expect(chooseBackend()).toMatchObject({ name: 'node' })
    if (available) expect(chooseBackend({ backend: 'native' })).toMatchObject({ name: 'native' })
  })

  test('what cannot be had or is not known is refused', () => {
    expect(() => chooseBackend({ backend: 'native', providers: ['cuda'] })).toThrow(
      expect.objectContaining({ code: 'no-native-session' }),
    )
    process.env.DROPBP_SESSION = 'nativ'
    expect(() => chooseBackend()).toThrow(expect.objectContaining({ code: 'bad-value' }))
  })
})

describe('the library', () => {
  test('is of the version that was measured', () => {
    expect(refusal('1.30.0')).toBeUndefined()
    for (const version of ['1.29.1', '1.31.0', '1.3', '2.0.0']) expect(refusal(version)).toContain(version)
  })

  test('is missed by name on platforms without one', () => {
    expect(locate('linux', 'x64').file).toMatch(/libonnxruntime\.so\.1$/)
    expect(locate('freebsd', 'x64').why).toContain('freebsd')
    expect(locate('linux', 'riscv64').why).toContain('riscv64')
  })
})
