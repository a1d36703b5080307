/** The REST checks on Bun: `bun runners/rest-bun.ts <environment as JSON>`. */

import type * as Nexus from '../../../src/entry/node.ts'
import type * as Face from '../../../src/entry/node-fetch.ts'
import { runRestChecks } from '../rest-run.ts'

declare const Bun: { serve(options: { port: number; fetch(): Promise<Response> }): { readonly port: number; stop(now: boolean): Promise<void> } }

async function answerWith(make: () => Promise<Response>): Promise<Response> {
  const server = Bun.serve({ port: 0, fetch: make })
  const response = await fetch(`http://127.0.0.1:${server.port}/`)
  const copy = new Response(await response.arrayBuffer(), response)
  await server.stop(true)
  return copy
}

const entry = new URL('../../../dist/bun.js', import.meta.url)
const nexus = (await import(entry.href)) as typeof Nexus
const { createFetch } = (await import(new URL('../../../dist/bun-fetch.js', import.meta.url).href)) as typeof Face
await runRestChecks({ nexus, createFetch, env: JSON.parse(process.argv[2] as string), answerWith }, (line) => console.log(line))
process.exit(0)
