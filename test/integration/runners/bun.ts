/** The checks on Bun: `bun runners/bun.ts <environment as JSON>`. */

import type { Context } from '../check-tools.ts'
import { runChecks } from '../run-checks.ts'

const load = async (entry: string): Promise<object> => import(new URL(`../../../dist/${entry}.js`, import.meta.url).href)
const { WebSocket: OfWs } = (await load('bun-ws')) as { WebSocket: unknown }
const nexus = { ...(await load('bun')), ...(await load('bun-websocket')), OfWs } as Context['nexus']
await runChecks({ nexus, env: JSON.parse(process.argv[2] as string) }, (line) => console.log(line))
process.exit(0)
