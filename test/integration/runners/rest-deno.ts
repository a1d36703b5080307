/** The REST checks on Deno: `deno run --allow-all runners/rest-deno.ts <environment as JSON>`. */

import type * as Nexus from '../../../src/entry/node.ts'
import { runRestChecks } from '../rest-run.ts'

declare const Deno: { readonly args: readonly string[]; exit(code: number): never }

const entry = new URL('../../../dist/deno.js', import.meta.url)
const nexus = (await import(entry.href)) as typeof Nexus
await runRestChecks({ nexus, env: JSON.parse(Deno.args[0] as string) }, (line) => console.log(line))
Deno.exit(0)
