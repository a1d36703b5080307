/** The client in Cloudflare's `workerd`: the checks of the other runtimes, each in a request of its own. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Peers, startPeers } from '../integration/peers.ts'
import { CHECK_LIMIT } from '../integration/run-checks.ts'
import { checks } from '../integration/suite.ts'
import { Workerd } from './serve.ts'

/** What this runtime cannot do, with what comes of it: these must fail with that text, so that a gap that closes is noticed. */
const GAPS: Readonly<Record<string, string>> = {
  // The runtime says the same of every connection that can't be made.
  'a refused port is ConnectRefused': 'ConnectFailed',
  'a name that does not exist is HostNotFound': 'ConnectFailed',
  'TLS to a plain port is TlsHandshakeFailed': 'ConnectFailed',
  // Whom it trusts is its configuration's affair, not the Worker's.
  'a certificate of an unknown authority, or for another name, is CertificateRejected': 'it went well',
  'dangerNoVerify, ALPN and serverName do what they say': 'TlsOptionUnsupported',
  'the socket options are taken': 'OptionUnsupported',
}

let peers: Peers
let workerd: Workerd

beforeAll(async () => {
  peers = await startPeers()
  workerd = await Workerd.start(new URL('worker.ts', import.meta.url), peers.certificates.ca)
}, 60_000)
afterAll(async () => {
  await workerd?.stop()
  await peers?.close()
})

describe('client on workerd', () => {
  test.each(checks.map(({ name }) => name))('%s', { timeout: CHECK_LIMIT + 10_000 }, async (name) => {
    const environment = { ...peers.environment, isTrusted: true }
    const error = await workerd.run(name, environment)
    const gap = GAPS[name]
    if (gap === undefined) expect(error).toBe(null)
    else expect(error).toContain(gap)
  })
})
