/** What a runtime makes of each option, and which names its entry has: for the tables of docs/runtimes.md. */

import type * as Nexus from '../../src/entry/node.ts'
import type * as Testing from '../../src/entry/testing.ts'

/** What the probe has to be told; goes to other processes as JSON. */
export interface ProbeOrder {
  /** Of a server that speaks HTTP, but no TLS. */
  readonly port: number
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** Names to look for: `WsStream`, `WsStream.accept`. */
  readonly names: readonly string[]
}

export interface ProbeReport {
  /** By the first cell of its row: `yes`, or the code with which it was refused. */
  readonly options: Readonly<Record<string, string>>
  /** Those of the names that are there. */
  readonly names: readonly string[]
}

const REFUSALS = ['OptionUnsupported', 'TlsOptionUnsupported']

/** An option is honoured when it is not refused; that it does what it says is what the integration tests show. */
async function isTaken(connecting: Promise<{ destroy(): void }>): Promise<string> {
  try {
    ;(await connecting).destroy()
    return 'yes'
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code === 'InvalidOption' || code === 'TlsOptionInvalid') throw new Error(`the probe is wrong: ${message}`)
    return code !== undefined && REFUSALS.includes(code) ? `\`${code}\`` : 'yes'
  }
}

export async function probe(nexus: typeof Nexus, { memoryPair }: typeof Testing, order: ProbeOrder): Promise<ProbeReport> {
  const { port, ca, cert, key } = order
  const http = (options: Nexus.HttpOptions): Promise<string> =>
    isTaken(nexus.HttpConnection.connect(`http://127.0.0.1:${port}`, { connectTimeout: 5_000, ...options }))
  const https = (options: Nexus.HttpOptions): Promise<string> =>
    isTaken(nexus.HttpConnection.connect(`https://127.0.0.1:${port}`, { connectTimeout: 5_000, ...options }))
  const options = {
    '`connectTimeout`, `signal`': await http({ signal: new AbortController().signal }),
    '`noDelay: true`': await http({ noDelay: true }),
    '`noDelay: false`': await http({ noDelay: false }),
    '`keepAlive`, plain': await http({ keepAlive: 5_000 }),
    '`keepAlive`, with TLS': await https({ keepAlive: 5_000 }),
    '`proxy`, a URL': await http({ proxy: `http://127.0.0.1:${port}` }),
    "`proxy: 'environment'`": await http({ proxy: 'environment' }),
    '`socketPath`': await http({ socketPath: '/nobody/listens/here' }),
    '`tls.serverName`': await https({ tls: { serverName: 'exchange.example' } }),
    '`tls.ca`': await https({ tls: { ca } }),
    '`tls.cert`, `tls.key`': await https({ tls: { cert, key } }),
    '`tls.alpnProtocols`': await https({ tls: { alpnProtocols: ['http/1.1'] } }),
    "`tls.minVersion: '1.2'`": await https({ tls: { minVersion: '1.2' } }),
    "`tls.minVersion: '1.3'`": await https({ tls: { minVersion: '1.3' } }),
    '`tls.resumeSessions: false`': await https({ tls: { resumeSessions: false } }),
    '`tls.dangerNoVerify`': await https({ tls: { dangerNoVerify: true } }),
    '`connectWith`, a `wss:` URL over a plain connection of any kind': await isTaken(
      // The other end says nothing.
      nexus.WsStream.connectWith(memoryPair()[0], 'wss://exchange.example/', { connectTimeout: 200 }),
    ),
  }
  const names = order.names.filter(
    (name) => name.split('.').reduce<unknown>((of, part) => (of as Record<string, unknown>)?.[part], nexus) !== undefined,
  )
  return { options, names }
}
