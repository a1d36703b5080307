import { beforeAll, describe, expect, test } from 'vitest'
import { checkSocketPath, checkTcpOptions } from '../../../src/transport/dial-options.ts'
import type { TlsConfig } from '../../../src/transport/tls-config.ts'
import { checkTlsConfig } from '../../../src/transport/tls-options.ts'
import { makeCertificates, type TestCertificates } from '../../helpers/certificates.ts'

let certificates: TestCertificates
beforeAll(async () => {
  certificates = await makeCertificates()
})

test('a path of a socket has 1 to 107 bytes', () => {
  for (const path of ['/', '/'.repeat(106), '/'.repeat(107), 'é'.repeat(53)]) expect(checkSocketPath({ socketPath: path })).toBe(path)
  for (const path of ['', '/'.repeat(108), 'é'.repeat(54), '/a\0', 7 as never]) {
    expect(() => checkSocketPath({ socketPath: path })).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
  }
})

describe('checkTlsConfig', () => {
  test('defaults', () => {
    const defaults = { ca: null, identity: null, alpnProtocols: [], serverName: null, minVersion: '1.2', resumeSessions: true, dangerNoVerify: false }
    expect(checkTlsConfig(undefined)).toEqual(defaults)
    expect(checkTlsConfig({})).toEqual(defaults)
  })

  test('everything', () => {
    const { ca, strangerCa, client } = certificates
    const config: TlsConfig = {
      ca: [ca, strangerCa],
      ...client,
      alpnProtocols: ['a'],
      serverName: 'a.test',
      minVersion: '1.3',
      resumeSessions: false,
      dangerNoVerify: true,
    }
    expect(checkTlsConfig(config)).toEqual({
      ca: [ca, strangerCa],
      identity: client,
      alpnProtocols: ['a'],
      serverName: 'a.test',
      minVersion: '1.3',
      resumeSessions: false,
      dangerNoVerify: true,
    })
    expect(checkTlsConfig({ ca: `# comment\n${ca}\r\n${strangerCa}\n` }).ca).toHaveLength(1)
    expect(checkTlsConfig({ serverName: '2001:db8::1' }).serverName).toBe('2001:db8::1')
  })

  test('arrays are copied: what the caller does with them later changes nothing', () => {
    const given = { ca: [certificates.ca], alpnProtocols: ['a'] }
    const settings = checkTlsConfig(given)
    given.ca.push(certificates.strangerCa)
    given.alpnProtocols.push('b')
    expect([settings.ca, settings.alpnProtocols]).toEqual([[certificates.ca], ['a']])
  })

  const wrong: [string, (made: TestCertificates) => unknown, RegExp][] = [
    ['not an object', () => 'x', /tls must be an object, but is a string of 1 character/],
    ['null', () => null, /but is null/],
    ['cert alone', ({ client }) => ({ cert: client.cert }), /tls\.cert needs tls\.key/],
    ['key alone', ({ client }) => ({ key: client.key }), /tls\.key needs tls\.cert/],
    ['cert and key exchanged', ({ client }) => ({ cert: client.key, key: client.cert }), /tls\.cert holds PRIVATE KEY where a CERTIFICATE belongs/],
    ['a file name', () => ({ ca: './ca.pem' }), /tls\.ca holds no PEM block.*not the name of a file/],
    ['bytes', () => ({ ca: new Uint8Array(3) }), /tls\.ca must be PEM text, but is an instance of Uint8Array/],
    ['no authority', () => ({ ca: [] }), /tls\.ca is empty/],
    ['one wrong authority of two', ({ ca }) => ({ ca: [ca, 'x'] }), /tls\.ca\[1\]/],
    ['joined without a line break', ({ ca }) => ({ ca: ca.trim() + ca.trim() }), /tls\.ca holds/],
    ['damaged', ({ ca }) => ({ ca: ca.replace(/\n.{8}/, '\n') }), /content is damaged/],
    ['cut off', ({ ca }) => ({ ca: ca.slice(0, 200) }), /no PEM block/],
    [
      'an encrypted key',
      ({ client }) => ({ cert: client.cert, key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----' }),
      /encrypted/,
    ],
    ['an old version', () => ({ minVersion: '1.1' }), /tls\.minVersion must be '1.2' or '1.3', but is "1.1"/],
    ['a number for a switch', () => ({ resumeSessions: 0 }), /tls\.resumeSessions must be true or false, but is 0/],
    ['a string for a switch', () => ({ dangerNoVerify: 'false' }), /tls\.dangerNoVerify must be true or false, but is a string of 5 characters/],
    ['one protocol', () => ({ alpnProtocols: 'http/1.1' }), /tls\.alpnProtocols must be an array/],
    ['an empty protocol', () => ({ alpnProtocols: [''] }), /1 to 255 visible/],
    ['a long protocol', () => ({ alpnProtocols: ['x'.repeat(256)] }), /1 to 255 visible/],
    ['a name with a port', () => ({ serverName: 'a.test:443' }), /tls\.serverName must be a host name/],
    ['a bracketed name', () => ({ serverName: '[::1]' }), /tls\.serverName/],
    ['an empty name', () => ({ serverName: '' }), /tls\.serverName/],
  ]
  test.each(wrong)('%s is refused', (_, make, message) => {
    expect(() => checkTlsConfig(make(certificates) as TlsConfig)).toThrow(message)
    expect(() => checkTlsConfig(make(certificates) as TlsConfig)).toThrow(expect.objectContaining({ code: 'TlsOptionInvalid' }))
  })
})

describe('checkTcpOptions', () => {
  test('defaults and values', () => {
    expect(checkTcpOptions({})).toEqual({ noDelay: true, keepAlive: false })
    expect(checkTcpOptions({ noDelay: false, keepAlive: 15_000 })).toEqual({ noDelay: false, keepAlive: 15_000 })
  })

  test.each([{ noDelay: 1 }, { keepAlive: true }, { keepAlive: 0 }, { keepAlive: 999 }, { keepAlive: 40_000_000 }, { keepAlive: null }])(
    '%o is refused',
    (options) => {
      expect(() => checkTcpOptions(options as never)).toThrow(expect.objectContaining({ code: 'InvalidOption' }))
    },
  )
})
