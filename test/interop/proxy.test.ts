/** Our client through proxies that other people wrote: tinyproxy, Dante and microsocks; on Node, Deno and Bun. */

import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, test } from 'vitest'
import * as nexus from '../../src/entry/node.ts'
import { Child, commands } from '../integration/child.ts'
import { inChild } from '../integration/outcomes.ts'
import { type Peers, startPeers } from '../integration/peers.ts'
import type { Environment } from '../integration/suite.ts'
import { realProxyChecks } from './proxy-checks.ts'
import { command, Daemon, freePort, TemporaryDirectory } from './rest-tools.ts'

const names = Object.keys(realProxyChecks)
const daemons: Daemon[] = []
let peers: Peers
let directory: TemporaryDirectory
let environment: Environment

beforeAll(async () => {
  peers = await startPeers()
  directory = new TemporaryDirectory()
  const [connect, guardedConnect, socks, guardedSocks] = (await Promise.all([1, 2, 3, 4].map(freePort))) as [number, number, number, number]
  const tinyproxy = (port: number, more: string): string[] => {
    const file = directory.file(`tinyproxy-${port}.conf`)
    // Any port may be connected to: without ConnectPort, all are.
    writeFileSync(file, `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 100\nAllow 127.0.0.1\n${more}`)
    return ['-d', '-c', file]
  }
  const dante = directory.file('danted.conf')
  writeFileSync(
    dante,
    `logoutput: stderr
internal: 127.0.0.1 port = ${socks}
external: 127.0.0.1
external: ::1
clientmethod: none
socksmethod: none
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
`,
  )
  for (const [tool, args, port, debianPackage] of [
    ['tinyproxy', tinyproxy(connect, ''), connect, 'tinyproxy-bin'],
    ['tinyproxy', tinyproxy(guardedConnect, 'BasicAuth user secret7\n'), guardedConnect, 'tinyproxy-bin'],
    ['danted', ['-f', dante], socks, 'dante-server'],
    ['microsocks', ['-i', '127.0.0.1', '-p', String(guardedSocks), '-u', 'user', '-P', 'secret7'], guardedSocks, 'microsocks'],
  ] as const) {
    await command('which', [tool], debianPackage).catch(() => {
      throw new Error(`the interoperability tests need ${tool}: apt-get install ${debianPackage}`)
    })
    daemons.push(await Daemon.start(tool, args, [port]))
  }
  environment = {
    ...peers.environment,
    proxies: {
      connect: `http://127.0.0.1:${connect}`,
      secureConnect: '',
      socks: `socks5://127.0.0.1:${socks}`,
      guardedConnect: `http://127.0.0.1:${guardedConnect}`,
      guardedSocks: `socks5://127.0.0.1:${guardedSocks}`,
      credentials: 'user:secret7',
    },
  }
})
afterAll(async () => {
  for (const daemon of daemons) await daemon.stop()
  await peers?.close()
  directory?.remove()
})

describe('through tinyproxy, Dante and microsocks, on Node', () => {
  for (const [name, run] of Object.entries(realProxyChecks)) test(name, () => run({ nexus, env: environment }))
})

describe.each(['Deno', 'Bun'] as const)('through tinyproxy, Dante and microsocks, on %s', (runtime) => {
  inChild(
    names,
    () => new Child(commands[runtime], new URL('./runners/proxy.ts', import.meta.url), [runtime.toLowerCase(), JSON.stringify(environment)]),
  )
})
