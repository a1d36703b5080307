/** Our client on Deno against Python: `deno run --allow-all deno.ts <{ base, ca }>`. */

import { clientChecks } from '../client-checks.ts'
import { runInterop } from '../run.ts'

declare const Deno: { readonly args: readonly string[]; exit(code: number): never }

const nexus = await import(new URL('../../../dist/deno.js', import.meta.url).href)
await runInterop(clientChecks, { nexus, ...JSON.parse(Deno.args[0] as string) }, (line) => console.log(line))
Deno.exit(0)
