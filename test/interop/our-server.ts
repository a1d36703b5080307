/** Our server, on any of the runtimes that can be one. */

import * as nexus from '../../src/entry/node.ts'
import { makeCertificates, type TestCertificates } from '../helpers/certificates.ts'
import { Child, commands } from '../integration/child.ts'
import { type Ports, serveOnNode } from '../integration/runners/serve-node.ts'

/** Where it listens, and how it ends. */
export interface OurServer {
  readonly ports: Ports
  stop(): void | Promise<void>
}

/** Runtimes with a server of ours. */
export type ServerRuntime = 'Node' | 'Deno' | 'Bun'

/** Starts the service of the integration tests: on Node in this process. */
export async function startOurServer(runtime: ServerRuntime, certificates?: TestCertificates): Promise<OurServer> {
  const { cert, key } = (certificates ?? (await makeCertificates())).server
  if (runtime === 'Node') {
    const service = await serveOnNode(nexus, cert, key)
    return { ports: service.ports, stop: () => service.close() }
  }
  const child = new Child(commands[runtime], new URL(`../integration/runners/serve-${runtime.toLowerCase()}.ts`, import.meta.url), [
    JSON.stringify({ cert, key }),
  ])
  return { ports: (await child.next()) as Ports, stop: () => child.stop() }
}
