/** What a `fetch` resolves to: one table, for the response that the platform makes and for the one that is made when it is asked for. */

import { describe, expect, test } from 'vitest'
import { OwnedResponse } from '../../../src/codec/http/response.ts'
import { respond } from '../../../src/rest/fetched-response.ts'
import { LazyResponse } from '../../../src/rest/lazy-response.ts'

const BYTES = new TextEncoder().encode('{"a":"ü"}')
const FIELDS = [
  ['Content-Type', 'application/json'],
  ['X-A', '1'],
  ['x-a', '2'],
] as const

function received(body: Uint8Array, status = 200): OwnedResponse {
  return new OwnedResponse(status, 'Fine', '1.1', FIELDS, [], body)
}

const URL_OF = 'http://server.test/a?b'
const MADE = {
  'by the platform': respond,
  'when asked for': (given: OwnedResponse, url: string, isRedirected: boolean): Response => new LazyResponse(given, url, isRedirected),
}

describe.each(Object.entries(MADE))('a response that is made %s', (_, make) => {
  const made = (body: Uint8Array = BYTES.slice(), status = 200): Response => make(received(body, status), URL_OF, false)

  test('is a Response, and has what the standard says', () => {
    const response = made()
    expect(response).toBeInstanceOf(Response)
    expect(Object.prototype.toString.call(response)).toBe('[object Response]')
    const { status, statusText, ok, url, redirected, type, bodyUsed } = response
    expect({ status, statusText, ok, url, redirected, type, bodyUsed }).toEqual({
      status: 200,
      statusText: 'Fine',
      ok: true,
      url: URL_OF,
      redirected: false,
      type: 'basic',
      bodyUsed: false,
    })
    expect([...response.headers]).toEqual([
      ['content-type', 'application/json'],
      ['x-a', '1, 2'],
    ])
    expect(response.headers).toBe(response.headers)
    expect(make(received(BYTES), URL_OF, true).redirected).toBe(true)
    for (const status of [199, 300, 404, 599]) if (status >= 200) expect(made(BYTES, status).ok).toBe(false)
    expect(made(BYTES, 299).ok).toBe(true)
  })

  const reads: Record<string, (response: Response) => Promise<unknown>> = {
    text: (response) => response.text(),
    json: async (response) => JSON.stringify(await response.json()),
    arrayBuffer: async (response) => new TextDecoder().decode(await response.arrayBuffer()),
    blob: async (response) => (await response.blob()).text(),
    body: (response) => new Response(response.body).text(),
    'the answer of another': (response) => new Response(response.body, response).text(),
  }

  test.each(Object.entries(reads))('gives its body once, by %s', async (_, read) => {
    const response = made()
    expect(await read(response)).toBe('{"a":"ü"}')
    expect(response.bodyUsed).toBe(true)
    for (const again of [response.text(), response.json(), response.arrayBuffer(), response.blob()]) await expect(again).rejects.toThrow(TypeError)
    expect(() => response.clone()).toThrow(TypeError)
    expect(response.body?.locked === true || (await response.body?.getReader().read())?.done).toBe(true)
  })

  test.each(Object.keys(reads))('clones give theirs, before and after %s', async (name) => {
    const read = reads[name] as (response: Response) => Promise<unknown>
    const response = made()
    const clone = response.clone()
    const second = clone.clone()
    expect(await Promise.all([read(response), read(clone), read(second)])).toEqual(Array(3).fill('{"a":"ü"}'))
    for (const { url, status, statusText, headers, type } of [clone, second]) {
      expect([url, status, statusText, headers.get('X-A'), type]).toEqual([URL_OF, 200, 'Fine', '1, 2', 'basic'])
    }
  })

  test('fields that are set go with clones and bodies', async () => {
    const response = made()
    response.headers.set('Content-Type', 'text/x')
    expect([response.clone().headers.get('content-type'), (await response.blob()).type]).toEqual(['text/x', 'text/x'])
  })

  test.each([204, 205, 304])('of status %i has no body, which may be read again and again', async (status) => {
    const response = made(new Uint8Array(0), status)
    expect([response.body, await response.text(), await response.text(), (await response.arrayBuffer()).byteLength]).toEqual([null, '', '', 0])
    expect([response.bodyUsed, response.clone().body]).toEqual([false, null])
  })

  test('an empty body is one', async () => {
    const response = made(new Uint8Array(0))
    expect(await response.text()).toBe('')
    expect(response.bodyUsed).toBe(true)
    await expect(made(new Uint8Array(0)).json()).rejects.toThrow(SyntaxError)
  })

  test('text is UTF-8 without its mark, with U+FFFD for what is none', async () => {
    expect(await made(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xff)).text()).toBe('a\ufffd')
    await expect(made(Uint8Array.of(0x7b)).json()).rejects.toThrow(SyntaxError)
  })

  test('bytes are those of the body alone, in memory of their own', async () => {
    const view = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4)
    expect(new Uint8Array(await made(view).arrayBuffer())).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('forms are read', async () => {
    const form = new Response(new URLSearchParams({ a: 'b' }))
    const bytes = new Uint8Array(await form.clone().arrayBuffer())
    const response = make(new OwnedResponse(200, '', '1.1', [...form.headers], [], bytes), URL_OF, false)
    expect([...(await response.formData())]).toEqual([['a', 'b']])
  })
})

test('nothing of the platform is made for a body that is read as text', async () => {
  const response = new LazyResponse(received(BYTES), URL_OF, false)
  const fields = Headers
  try {
    globalThis.Headers = class {
      constructor() {
        throw new Error('made')
      }
    } as never
    expect([response.status, await response.text()]).toEqual([200, '{"a":"ü"}'])
    expect(() => response.headers).toThrow('made')
  } finally {
    globalThis.Headers = fields
  }
})
