/** TLS: who is let in, who is not, and which option does what. */

import assert from 'node:assert/strict'
import type { TlsConfig } from '../../src/transport/tls-config.ts'
import { address, type ContractCase, type ContractContext, code, control, finish, open, withCa } from './contract-tools.ts'
import { Probe } from './probe.ts'

/** Dials a TLS server; `echo`, or the code of the failure: of the dial, or of the connection that was lost right after it (TLS 1.3 client certificates). */
async function outcome(context: ContractContext, name: string, tls: TlsConfig = {}, hostname = '127.0.0.1'): Promise<string> {
  const options = withCa(context, 'tls', { tls })
  try {
    const probe = new Probe(await context.dial(address(context, name, hostname, true), options))
    const closed = probe.closed.then((error) => (error as { code?: string } | null)?.code ?? 'closed')
    const echoed = probe.write('hello').then(() => probe.textOf(5))
    const result = await Promise.race([echoed, closed, probe.ended.then(() => 'ended')])
    if (result !== 'hello') return `lost: ${result}`
    await finish(probe)
    return probe.transport.alpnProtocol ?? 'echo'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

/** Deno's own TLS, which the trusting run is about, goes on with an abandoned handshake until the peer ends it. */
async function abandoned(context: ContractContext, name: string): Promise<void> {
  if (context.trusted) await control(context, `!release ${name}`)
  await control(context, `${name} closed`)
}

/** Also where the runtime trusts the test authority by itself. */
export const secured: Record<string, ContractCase> = {
  'TLS: no answer to the handshake: ConnectTimeout, and the connection is closed': async (context) => {
    const options = withCa(context, 'tls', { connectTimeout: 200 })
    assert.equal(await code(context.dial(address(context, 'silent', '127.0.0.1', true), options)), 'ConnectTimeout')
    await abandoned(context, 'silent')
  },
  'TLS: abort during the handshake, and the connection is closed': async (context) => {
    const reason = new Error('changed my mind')
    const controller = new AbortController()
    const options = withCa(context, 'tls', { signal: controller.signal })
    const attempt = context.dial(address(context, 'silentToo', '127.0.0.1', true), options)
    const rejected = assert.rejects(attempt, (error) => error === reason)
    await control(context, 'silentToo opened')
    controller.abort(reason)
    await rejected
    await abandoned(context, 'silentToo')
  },
  'TLS: a certificate of a trusted authority, by name and by address': async (context) => {
    assert.equal(await outcome(context, 'tls echo', {}, 'localhost'), 'echo')
    assert.equal(await outcome(context, 'tls echo', {}, '127.0.0.1'), 'echo')
  },
  'TLS: a wrong name is rejected, serverName makes it right': async (context) => {
    assert.equal(await outcome(context, 'tls wrong name', {}, 'localhost'), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls wrong name', {}, '127.0.0.1'), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls wrong name', { serverName: 'elsewhere.test' }), 'echo')
    assert.equal(await outcome(context, 'tls echo', { serverName: 'elsewhere.test' }), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls echo', { serverName: '127.0.0.1' }, 'localhost'), 'echo')
    assert.equal(await outcome(context, 'tls wrong name', { serverName: '127.0.0.1' }, 'localhost'), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls echo', { serverName: '192.0.2.1' }, 'localhost'), 'CertificateRejected')
  },
  'TLS: SNI carries names alone, and no trailing dot': async (context) => {
    for (const [hostname, serverName, expected] of [
      ['localhost', undefined, 'localhost'],
      ['127.0.0.1', undefined, 'false'],
      ['127.0.0.1', 'localhost.', 'localhost'],
    ] as const) {
      const options = withCa(context, 'tls', { tls: serverName === undefined ? {} : { serverName } })
      const probe = new Probe(await context.dial(address(context, 'tls name', hostname), options))
      assert.equal(await probe.text(), expected)
      await finish(probe)
    }
  },
  'TLS: an expired one and a self-signed one are rejected': async (context) => {
    assert.equal(await outcome(context, 'tls expired'), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls self-signed'), 'CertificateRejected')
  },
  'TLS: ALPN': async (context) => {
    assert.equal(await outcome(context, 'tls alpn', { alpnProtocols: ['other', 'second'] }), 'second')
    assert.equal(await outcome(context, 'tls alpn', { alpnProtocols: ['other'] }), 'TlsHandshakeFailed')
    assert.equal(await outcome(context, 'tls echo', { alpnProtocols: ['other'] }), 'echo')
  },
  'TLS: to a port that speaks something else': async (context) => {
    assert.equal(await outcome(context, 'echo'), 'TlsHandshakeFailed')
    assert.equal(await outcome(context, 'early'), 'TlsHandshakeFailed')
  },
  'TLS: an end with close_notify proves itself where the runtime tells, however closely it follows the bytes before it': async (context) => {
    for (const size of [3, 16_000, 100_000]) {
      for (let i = 0; i < 5; i++) {
        const probe = await open(context, 'tls late')
        void probe.write('x'.repeat(size))
        probe.transport.end()
        assert.equal((await probe.text()).length, size + 5)
        assert.equal(probe.transport.endProof ?? 'unverified', context.tellsEnds ? 'verified' : 'unverified', `${size} bytes`)
        await finish(probe)
      }
    }
  },
  'TLS: an end without close_notify is an end, and told apart where the runtime tells': async (context) => {
    const probe = await open(context, 'tls cut')
    assert.equal(await probe.textOf(3), 'abc')
    await probe.write('x')
    const outcomes = [probe.drain().then(() => 'end'), probe.closed.then((error) => (error as { code?: string } | null)?.code)]
    assert.equal(await Promise.race(outcomes), 'end')
    assert.equal(probe.transport.endProof ?? 'unverified', context.tellsEnds ? 'truncated' : 'unverified')
    await finish(probe)
  },
}

/** What can't be told apart, or is not asked for, where the runtime trusts the test authority anyway. */
export const configured: Record<string, ContractCase> = {
  'TLS: an authority that nobody named is not trusted': async (context) => {
    assert.equal(await outcome(context, 'tls echo', { ca: undefined }), 'CertificateRejected')
    assert.equal(await outcome(context, 'tls echo', { ca: context.peer.certificates.strangerCa }), 'CertificateRejected')
  },
  'TLS: several authorities, in an array and in one text': async (context) => {
    const { ca, strangerCa } = context.peer.certificates
    assert.equal(await outcome(context, 'tls echo', { ca: [strangerCa, ca] }), 'echo')
    assert.equal(await outcome(context, 'tls echo', { ca: `${strangerCa}\n${ca}\n` }), 'echo')
  },
  'TLS: client certificate': async (context) => {
    const { client, selfSigned } = context.peer.certificates
    const refused = /^(TlsHandshakeFailed|lost: (TransportFailed|ConnectionReset|ended))$/
    for (const version of ['TLSv1.2', 'TLSv1.3']) {
      const name = `tls client certificate ${version}`
      assert.equal(await outcome(context, name, client), 'echo')
      assert.equal(await control(context, `client ${version}`), 'client')
      // With TLS 1.3 the client learns of it only after its handshake is done (RFC 8446 section 4.4.2.4).
      assert.match(await outcome(context, name), refused)
      assert.match(await outcome(context, name, selfSigned), refused)
    }
    // By name and by address: before anything is opened, so that it makes no difference who listens.
    for (const [name, hostname] of [
      ['tls echo', 'localhost'],
      ['refused', '127.0.0.1'],
    ] as const) {
      assert.equal(await outcome(context, name, { cert: client.cert, key: selfSigned.key }, hostname), 'TlsOptionInvalid')
    }
  },
  'TLS: minVersion': async (context) => {
    assert.equal(await outcome(context, 'tls 1.2'), 'echo')
    assert.equal(await outcome(context, 'tls 1.2', { minVersion: '1.2' }), 'echo')
    assert.equal(await outcome(context, 'tls 1.2', { minVersion: '1.3' }), 'TlsHandshakeFailed')
    assert.equal(await outcome(context, 'tls echo', { minVersion: '1.3' }), 'echo')
  },
  'TLS: dangerNoVerify': async (context) => {
    for (const name of ['tls echo', 'tls wrong name', 'tls expired', 'tls self-signed']) {
      assert.equal(await outcome(context, name, { ca: undefined, dangerNoVerify: true }), 'echo', name)
    }
    assert.equal(await outcome(context, 'tls alpn', { alpnProtocols: ['other'], dangerNoVerify: true }), 'TlsHandshakeFailed')
    assert.equal(await outcome(context, 'echo', { dangerNoVerify: true }), 'TlsHandshakeFailed')
  },
  'TLS: wrong options are named before anything is opened': async (context) => {
    const { client } = context.peer.certificates
    assert.equal(await outcome(context, 'refused', { cert: client.cert }), 'TlsOptionInvalid')
    assert.equal(await outcome(context, 'refused', { ca: 'ca.pem' }), 'TlsOptionInvalid')
    assert.equal(await outcome(context, 'refused', { minVersion: '1.1' as never }), 'TlsOptionInvalid')
  },
}
