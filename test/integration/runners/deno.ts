/** The checks on Deno: `deno run --allow-all runners/deno.ts <environment as JSON>`. */

import type { Context } from '../check-tools.ts'
import { runChecks } from '../run-checks.ts'

declare const Deno: { readonly args: readonly string[]; exit(code: number): never }

const load = async (entry: string): Promise<object> => import(new URL(`../../../dist/${entry}.js`, import.meta.url).href)
const { WebSocket: OfWs } = (await load('deno-ws')) as { WebSocket: unknown }
const nexus = { ...(await load('deno')), ...(await load('deno-websocket')), OfWs } as Context['nexus']
await runChecks({ nexus, env: JSON.parse(Deno.args[0] as string) }, (line) => console.log(line))
Deno.exit(0)
