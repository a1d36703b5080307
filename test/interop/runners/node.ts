/** The checks on the Node that runs this, with the package as installed: `node.mjs <ws or rest> <environment as JSON>`, bundled beside it. */

import process from 'node:process'
import type * as Face from '../../../src/entry/node-fetch.ts'
import type { Context } from '../../integration/check-tools.ts'
import { runRestChecks } from '../../integration/rest-run.ts'
import { runChecks } from '../../integration/run-checks.ts'

const [family, environment] = process.argv.slice(2) as [string, string]
// Stay imports of a package: it is found where the bundle lies.
const load = async (entry: string): Promise<object> => import(`nexus-async-net${entry}`)
const { WebSocket: OfWs } = (await load('/compat/ws')) as { WebSocket: unknown }
const nexus = { ...(await load('')), ...(await load('/websocket')), OfWs } as Context['nexus']
const { createFetch } = (await load('/fetch')) as typeof Face
const env = JSON.parse(environment)
const print = (line: string): void => console.log(line)
await (family === 'ws' ? runChecks({ nexus, env }, print) : runRestChecks({ nexus, createFetch, env }, print))
process.exit(0)
