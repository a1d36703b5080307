/** The REST checks on Deno: `deno run --allow-all runners/rest-deno.ts <environment as JSON>`. */

import type * as Nexus from '../../../src/entry/node.ts'
import type * as Face from '../../../src/entry/node-fetch.ts'
import { runRestChecks } from '../rest-run.ts'

declare const Deno: {
  readonly args: readonly string[]
  exit(code: number): never
  serve(options: { port: number; onListen(address: { port: number }): void }, handler: () => Promise<Response>): { shutdown(): Promise<void> }
}

async function answerWith(make: () => Promise<Response>): Promise<Response> {
  let server!: { shutdown(): Promise<void> }
  const port = await new Promise<number>((resolve) => {
    server = Deno.serve({ port: 0, onListen: (address) => resolve(address.port) }, make)
  })
  const response = await fetch(`http://127.0.0.1:${port}/`)
  const copy = new Response(await response.arrayBuffer(), response)
  await server.shutdown()
  return copy
}

const entry = new URL('../../../dist/deno.js', import.meta.url)
const nexus = (await import(entry.href)) as typeof Nexus
const { createFetch } = (await import(new URL('../../../dist/deno-fetch.js', import.meta.url).href)) as typeof Face
await runRestChecks({ nexus, createFetch, env: JSON.parse(Deno.args[0] as string), answerWith }, (line) => console.log(line))
Deno.exit(0)
