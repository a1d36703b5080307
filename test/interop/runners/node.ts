/** The checks on the Node that runs this, with the package as installed: `node.mjs <ws or rest> <environment as JSON>`, bundled beside it. */

import process from 'node:process'
import type * as Nexus from '../../../src/entry/node.ts'
import { runRestChecks } from '../../integration/rest-run.ts'
import { runChecks } from '../../integration/run-checks.ts'

const [family, environment] = process.argv.slice(2) as [string, string]
// Stays an import of a package: it is found where the bundle lies.
const nexus = (await import('nexus-async-net' as string)) as typeof Nexus
const context = { nexus, env: JSON.parse(environment) }
const print = (line: string): void => console.log(line)
await (family === 'ws' ? runChecks(context, print) : runRestChecks(context, print))
process.exit(0)
