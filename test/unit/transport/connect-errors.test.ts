import { describe, expect, test } from 'vitest'
import { TlsError, TransportError, UsageError } from '../../../src/errors.ts'
import { connectError, lostError, printAddress } from '../../../src/transport/connect-errors.ts'

const plain = { hostname: 'feed.test', port: 80, secure: false }
const secure = { ...plain, port: 443, secure: true }

function coded(code: string, message = code): Error {
  return Object.assign(new Error(message), { code })
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name })
}

describe('connectError: as the runtimes throw them', () => {
  test.each([
    ['Node', coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1'), 'ConnectRefused'],
    ['Node, two addresses', Object.assign(new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')], ''), {}), 'ConnectRefused'],
    ['Node', coded('ENOTFOUND', 'getaddrinfo ENOTFOUND no.invalid'), 'HostNotFound'],
    ['Node', coded('EAI_AGAIN'), 'HostNotFound'],
    ['Node', coded('ENETUNREACH'), 'HostUnreachable'],
    ['Node', coded('EHOSTUNREACH'), 'HostUnreachable'],
    ['Node', coded('ETIMEDOUT'), 'ConnectTimeout'],
    ['Node', coded('ECONNRESET'), 'ConnectionReset'],
    ['Node', coded('ERR_SOCKET_BAD_PORT', 'Port should be >= 0 and < 65536'), 'ConnectFailed'],
    ['Deno', named('ConnectionRefused', 'Connection refused (os error 111)'), 'ConnectRefused'],
    ['Deno', named('ConnectionReset', 'Connection reset by peer (os error 104)'), 'ConnectionReset'],
    ['Deno', new Error('failed to lookup address information: Name or service not known'), 'HostNotFound'],
    ['Deno', new Error('No route to host (os error 113)'), 'HostUnreachable'],
    ['Deno', named('NotCapable', 'Requires net access to "feed.test:80", run again with the --allow-net flag'), 'ConnectFailed'],
    ['Bun', coded('ECONNREFUSED', 'Failed to connect'), 'ConnectRefused'],
    ['Bun', coded('ENOTFOUND', 'getaddrinfo ENOTFOUND no.invalid'), 'HostNotFound'],
    ['anything', 'a string', 'ConnectFailed'],
    ['anything', undefined, 'ConnectFailed'],
  ])('%s: %s is %s', (_, error, code) => {
    const result = connectError(error, plain) as TransportError
    expect(result).toBeInstanceOf(TransportError)
    expect(result.code).toBe(code)
    expect(result.cause).toBe(error)
    expect(result.message).toMatch(/feed\.test/)
  })

  test.each([
    ['Node', coded('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'), 'CertificateRejected', /self-signed.*tls\.ca/],
    ['Node', coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate'), 'CertificateRejected', /tls\.ca/],
    ['Node', coded('ERR_TLS_CERT_ALTNAME_INVALID', 'Hostname/IP does not match'), 'CertificateRejected', /another name.*tls\.serverName/],
    ['Node', coded('CERT_HAS_EXPIRED', 'certificate has expired'), 'CertificateRejected', /expired/],
    ['Node', coded('ERR_SSL_WRONG_VERSION_NUMBER', 'ssl3_get_record:wrong version number'), 'TlsHandshakeFailed', /does not speak TLS/],
    ['Node', coded('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'tlsv1 alert protocol version'), 'TlsHandshakeFailed', /tls\.minVersion/],
    ['Node', coded('ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', 'alert certificate expired'), 'TlsHandshakeFailed', /alert certificate expired/],
    ['Node', coded('ECONNRESET', 'Client network socket disconnected before secure TLS'), 'TlsHandshakeFailed', /TLS/],
    ['Node', coded('ERR_OSSL_X509_KEY_VALUES_MISMATCH', 'key values mismatch'), 'TlsOptionInvalid', /tls\.key does not belong/],
    // What OpenSSL has no name for on Node.
    ['Node', coded('UNSPECIFIED', 'permitted subtree violation'), 'CertificateRejected', /permitted subtree violation/],
    ['Node', coded('UNSPECIFIED', 'EE certificate key too weak'), 'CertificateRejected', /key too weak/],
    ['Node', coded('UNSPECIFIED', 'CA signature digest algorithm too weak'), 'CertificateRejected', /algorithm too weak/],
    ['Node', coded('UNSPECIFIED', 'unsupported name constraint type'), 'CertificateRejected', /name constraint/],
    ['Bun', coded('PERMITTED_SUBTREE_VIOLATION', 'permitted subtree violation'), 'CertificateRejected', /permitted subtree violation/],
    ['Deno', named('InvalidData', 'invalid peer certificate: NameConstraintViolation'), 'CertificateRejected', /NameConstraintViolation/],
    ['Deno', named('InvalidData', 'invalid peer certificate: UnknownIssuer'), 'CertificateRejected', /tls\.ca/],
    ['Deno', named('InvalidData', 'invalid peer certificate: certificate not valid for name "a"'), 'CertificateRejected', /not valid for name/],
    ['Deno', named('InvalidData', 'invalid peer certificate: certificate expired: verification time'), 'CertificateRejected', /has expired/],
    ['Deno', named('InvalidData', 'received fatal alert: CertificateRequired'), 'TlsHandshakeFailed', /tls\.cert/],
    ['Deno', named('InvalidData', 'received fatal alert: NoApplicationProtocol'), 'TlsHandshakeFailed', /tls\.alpnProtocols/],
    ['Deno', named('InvalidData', 'received corrupt message of type InvalidContentType'), 'TlsHandshakeFailed', /does not speak TLS/],
    ['Bun', coded('EPROTO', 'error:100000df:SSL routines:OPENSSL_internal:UNEXPECTED_MESSAGE'), 'TlsHandshakeFailed', /does not speak TLS/],
    ['Bun', coded('EPROTO', 'OPENSSL_internal:TLSV1_ALERT_NO_APPLICATION_PROTOCOL'), 'TlsHandshakeFailed', /alpn/],
  ])('%s with TLS: %s is %s', (_, error, code, message) => {
    const result = connectError(error, secure) as TlsError
    expect(result).toBeInstanceOf(TlsError)
    expect(result.code).toBe(code)
    expect(result.message).toMatch(message)
    expect(result.cause).toBe(error)
  })

  test('a refused connection is no matter of TLS', () => {
    expect(connectError(coded('ECONNREFUSED'), secure)).toMatchObject({ code: 'ConnectRefused' })
  })

  test('our own errors pass', () => {
    const own = new UsageError('InvalidOption', 'no')
    expect(connectError(own, plain)).toBe(own)
  })

  test('an error that is its own cause ends', () => {
    const error = new Error('round and round')
    error.cause = error
    expect(connectError(error, plain).message).toMatch(/round and round/)
  })
})

describe('lostError', () => {
  test.each([
    [coded('ECONNRESET'), 'ConnectionReset'],
    [coded('EPIPE'), 'ConnectionReset'],
    [named('BrokenPipe', 'Broken pipe (os error 32)'), 'ConnectionReset'],
    [coded('ETIMEDOUT'), 'ConnectionReset'],
    [coded('EHOSTUNREACH'), 'TransportFailed'],
    [new Error('who knows'), 'TransportFailed'],
  ])('%s is %s', (error, code) => {
    expect(lostError(error)).toMatchObject({ code, cause: error })
  })

  test('our own errors pass', () => {
    const own = new TransportError('ConnectionClosed', 'gone')
    expect(lostError(own)).toBe(own)
  })
})

test('printAddress', () => {
  expect(printAddress({ hostname: '192.0.2.1', port: 443 })).toBe('192.0.2.1:443')
  expect(printAddress({ hostname: '2001:db8::1', port: 443 })).toBe('[2001:db8::1]:443')
})
