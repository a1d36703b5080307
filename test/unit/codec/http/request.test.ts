/** A finished request: what may still be done with it. */

import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { RequestWriter } from '../../../../src/entry/codec.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

describe('a header that was put in as a placeholder', () => {
  const build = (writer = new RequestWriter('api.test', { defaultHeaders: { 'X-Key': 'k' } })) =>
    writer.post('/order?x-sig:0=1').header('X-Sig', '----').header('X-Signature', '0000').header('x-sig', 'last').body('X-Sig: body').finish()

  test('is overwritten in place; nothing else moves', () => {
    const request = build()
    const before = text(request.bytes)
    expect(request.overwriteHeader('X-SIG', 'abcd')).toBe(request)
    expect(text(request.bytes)).toBe(before.replace('X-Sig: ----', 'X-Sig: abcd'))
    request.overwriteHeader('x-signature', 'a~ z')
    expect(text(request.bytes)).toContain('\r\nX-Signature: a~ z\r\nx-sig: last\r\n')
    expect(text(request.body)).toBe('X-Sig: body')
  })

  test.each([
    ['shorter', 'X-Sig', 'abc', 'InvalidOption'],
    ['longer', 'X-Sig', 'abcde', 'InvalidOption'],
    ['missing', 'X-Si', 'abcd', 'InvalidOption'],
    ['in the body only', 'body', '', 'InvalidOption'],
    ['injected', 'X-Sig', 'a\r\nb', 'HeaderInjection'],
    ['of two bytes a character', 'X-Sig', 'abcé', 'HeaderInjection'],
    ['what frames the request', 'Content-Length', '99', 'HeaderInjection'],
    ['the host', 'host', 'evil.sys', 'HeaderInjection'],
  ])('is refused when it is %s, and stays as it was', (_, name, value, code) => {
    const request = build()
    const before = text(request.bytes)
    expect(() => request.overwriteHeader(name, value)).toThrow(expect.objectContaining({ code }))
    expect(text(request.bytes)).toBe(before)
  })

  test('can be one of the writer’s own: only this request has the new value', () => {
    const writer = new RequestWriter('api.test', { defaultHeaders: { 'X-Sig': '----' } })
    writer.get('/').finish().overwriteHeader('X-Sig', 'once')
    expect(text(writer.get('/').finish().bytes)).toContain('X-Sig: ----')
  })

  test('is stale with its request', () => {
    const writer = new RequestWriter('api.test')
    const request = build(writer)
    writer.get('/').finish()
    expect(() => request.overwriteHeader('X-Sig', 'abcd')).toThrow(expect.objectContaining({ code: 'StaleRequest' }))
  })
})
