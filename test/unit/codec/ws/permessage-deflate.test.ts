import { describe, expect, test } from 'vitest'
import {
  acceptDeflateOffer,
  type DeflateParameters,
  type DeflateWishes,
  deflateOffer,
  parseExtensions,
  readDeflateAnswer,
} from '../../../../src/codec/ws/permessage-deflate.ts'

/** S and C: no context takeover of the server, of the client; then the windows of both. */
const shown = (parameters: DeflateParameters): string =>
  `${parameters.serverNoContextTakeover ? 'S' : '-'}${parameters.clientNoContextTakeover ? 'C' : '-'} ${parameters.serverMaxWindowBits} ${parameters.clientMaxWindowBits}`

describe('the field (RFC 6455 section 9.1)', () => {
  test.each([
    ['', ''],
    ['a', 'a'],
    ['a, b;c', 'a|b c'],
    ['a;b=1;c="2"', 'a b=1 c=2'],
    ['a ; b = 1 ,\tc', 'a b=1|c'],
    [' , a,, b ,', 'a|b'],
    ['a; b="\\1\\0"', 'a b=10'],
  ])('%j', (field, expected) => {
    const list = parseExtensions([field]) ?? []
    expect(
      list.map(({ name, parameters }) => [name, ...parameters.map(([key, value]) => (value === null ? key : `${key}=${value}`))].join(' ')).join('|'),
    ).toBe(expected)
  })
  test('several fields are one list', () => {
    expect(parseExtensions(['a', 'b;c'])?.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(parseExtensions([])).toEqual([])
  })
  test.each(['a b', 'a;', 'a;=1', 'a;b=', 'a;b="', 'a;b=""', 'a;b="x y"', 'a;b="x"y', ';a', 'a;b=1=2', 'a/b', '"a"', 'a;b=(', 'a;;b'])(
    '%j is refused',
    (field) => {
      expect(parseExtensions([field])).toBe(null)
    },
  )
})

describe('a client’s offer', () => {
  test.each<[DeflateWishes, string]>([
    [{}, 'permessage-deflate; client_max_window_bits'],
    [{ serverMaxWindowBits: 15, clientMaxWindowBits: 15 }, 'permessage-deflate; client_max_window_bits'],
    [{ serverMaxWindowBits: 8 }, 'permessage-deflate; server_max_window_bits=8; client_max_window_bits'],
    [{ clientMaxWindowBits: 9 }, 'permessage-deflate; client_max_window_bits=9'],
    [
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits',
    ],
  ])('%j', (wishes, field) => expect(deflateOffer(wishes)).toBe(field))
})

describe('a client judges the answer', () => {
  const P = 'permessage-deflate'
  test.each<[DeflateWishes | null, string, string | null]>([
    [{}, '', null],
    [null, '', null],
    [{}, ' , ', null],
    [{}, P, '-- 15 15'],
    [{}, `${P}; server_no_context_takeover`, 'S- 15 15'],
    [{}, `${P}; client_no_context_takeover`, '-C 15 15'],
    [{ clientNoContextTakeover: true }, P, '-C 15 15'],
    [{}, `${P}; server_max_window_bits=8`, '-- 8 15'],
    [{}, `${P}; server_max_window_bits="10"`, '-- 10 15'],
    [{}, `${P}; client_max_window_bits=8`, '-- 15 8'],
    [{ clientMaxWindowBits: 10 }, P, '-- 15 10'],
    [{ clientMaxWindowBits: 10 }, `${P}; client_max_window_bits=9`, '-- 15 9'],
    [{ clientMaxWindowBits: 10 }, `${P}; client_max_window_bits=10`, '-- 15 10'],
    [{ serverMaxWindowBits: 10 }, `${P}; server_max_window_bits=9`, '-- 9 15'],
    [{ serverNoContextTakeover: true }, `${P}; server_no_context_takeover; server_max_window_bits=15`, 'S- 15 15'],
  ])('%j, %j: accepted', (wishes, field, expected) => {
    const answer = readDeflateAnswer(field === '' ? [] : [field], wishes)
    if ('fault' in answer) expect.fail(answer.fault)
    expect(answer.parameters === null ? null : shown(answer.parameters)).toBe(expected)
    if (field === '') expect(readDeflateAnswer([''], wishes)).toEqual({ parameters: null })
  })

  test.each<[DeflateWishes | null, string, RegExp]>([
    [null, P, /not offered/],
    [{}, 'x-webkit-deflate-frame', /not offered/],
    [{}, 'Permessage-Deflate', /not offered/],
    [{}, `${P}, other`, /not offered/],
    [{}, `${P}, ${P}`, /twice/],
    [{}, `${P};`, /6455/],
    [{}, `${P}; unknown`, /unknown/],
    [{}, `${P}; Server_No_Context_Takeover`, /unknown/],
    [{}, `${P}; server_no_context_takeover; server_no_context_takeover`, /twice/],
    [{}, `${P}; server_no_context_takeover=1`, /has a value/],
    [{}, `${P}; client_no_context_takeover="true"`, /has a value/],
    [{}, `${P}; server_max_window_bits`, /not 8 to 15/],
    [{}, `${P}; client_max_window_bits`, /not 8 to 15/],
    ...['7', '16', '08', '1', '0', 'x', '10.0', '+9'].flatMap((value): [DeflateWishes, string, RegExp][] => [
      [{}, `${P}; server_max_window_bits=${value}`, /not 8 to 15/],
      [{}, `${P}; client_max_window_bits=${value}`, /not 8 to 15/],
    ]),
    [{ serverNoContextTakeover: true }, P, /server_no_context_takeover was offered/],
    [{ serverMaxWindowBits: 10 }, P, /server_max_window_bits was offered/],
    [{ serverMaxWindowBits: 10 }, `${P}; server_max_window_bits=11`, /more than/],
    [{ clientMaxWindowBits: 10 }, `${P}; client_max_window_bits=11`, /more than/],
  ])('%j, %j: refused', (wishes, field, fault) => {
    const answer = readDeflateAnswer([field], wishes)
    expect('fault' in answer ? answer.fault : shown(answer.parameters as DeflateParameters)).toMatch(fault)
  })
})

describe('a server chooses', () => {
  const P = 'permessage-deflate'
  test.each<[DeflateWishes, string, string, string]>([
    [{}, P, '-- 15 15', P],
    [{}, `${P}; client_max_window_bits`, '-- 15 15', P],
    [{}, `${P}; client_max_window_bits=9`, '-- 15 9', `${P}; client_max_window_bits=9`],
    [{ clientMaxWindowBits: 9 }, `${P}; client_max_window_bits`, '-- 15 9', `${P}; client_max_window_bits=9`],
    [{ clientMaxWindowBits: 10 }, `${P}; client_max_window_bits=9`, '-- 15 9', `${P}; client_max_window_bits=9`],
    [{}, `${P}; server_max_window_bits=10`, '-- 10 15', `${P}; server_max_window_bits=10`],
    [{}, `${P}; server_max_window_bits=15`, '-- 15 15', `${P}; server_max_window_bits=15`],
    [{ serverMaxWindowBits: 9 }, P, '-- 9 15', `${P}; server_max_window_bits=9`],
    [{ serverMaxWindowBits: 9 }, `${P}; server_max_window_bits=12`, '-- 9 15', `${P}; server_max_window_bits=9`],
    [{}, `${P}; server_no_context_takeover`, 'S- 15 15', `${P}; server_no_context_takeover`],
    [{ serverNoContextTakeover: true }, P, 'S- 15 15', `${P}; server_no_context_takeover`],
    [{}, `${P}; client_no_context_takeover`, '-C 15 15', `${P}; client_no_context_takeover`],
    [{ clientNoContextTakeover: true }, P, '-C 15 15', `${P}; client_no_context_takeover`],
    // Alternatives, in the order in which they are preferred (section 5.1).
    [{}, `other, ${P}; unknown, ${P}; server_max_window_bits=9, ${P}`, '-- 9 15', `${P}; server_max_window_bits=9`],
    [{ clientMaxWindowBits: 9 }, `${P}, ${P}; client_max_window_bits`, '-- 15 9', `${P}; client_max_window_bits=9`],
    [{}, `${P}; server_max_window_bits, ${P}; client_no_context_takeover`, '-C 15 15', `${P}; client_no_context_takeover`],
  ])('%j, %j', (wishes, offer, parameters, field) => {
    const accepted = acceptDeflateOffer([offer], wishes)
    expect(accepted && shown(accepted.parameters)).toBe(parameters)
    expect(accepted?.field).toBe(field)
  })

  test.each<[DeflateWishes, string]>([
    [{}, ''],
    [{}, 'x-webkit-deflate-frame'],
    [{}, `${P}; unknown`],
    [{}, `${P}; server_max_window_bits`],
    [{}, `${P}; server_max_window_bits=7`],
    [{}, `${P}; client_max_window_bits=16`],
    [{}, `${P}; client_no_context_takeover=1`],
    [{}, `${P}; client_max_window_bits; client_max_window_bits`],
    [{}, `${P};`],
    [{ clientMaxWindowBits: 14 }, P],
  ])('%j, %j: declined', (wishes, offer) => expect(acceptDeflateOffer([offer], wishes)).toBe(null))
})

test('whatever either end wishes, what the server accepts is accepted by the client, and both know the same', () => {
  const choices: DeflateWishes[] = []
  for (const serverNoContextTakeover of [false, true])
    for (const clientNoContextTakeover of [false, true])
      for (const serverMaxWindowBits of [undefined, 8, 12, 15])
        for (const clientMaxWindowBits of [undefined, 8, 12, 15])
          choices.push({
            serverNoContextTakeover,
            clientNoContextTakeover,
            ...(serverMaxWindowBits === undefined ? {} : { serverMaxWindowBits }),
            ...(clientMaxWindowBits === undefined ? {} : { clientMaxWindowBits }),
          })
  for (const client of choices) {
    for (const server of choices) {
      const accepted = acceptDeflateOffer([deflateOffer(client)], server)
      if (accepted === null) expect.fail('an offer of ours was declined')
      expect(readDeflateAnswer([accepted.field], client)).toEqual({ parameters: accepted.parameters })
    }
  }
})
