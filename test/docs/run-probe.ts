/** The probe on Deno and Bun: `run-probe.ts <deno or bun> <order as JSON>`; prints the report. */

import process from 'node:process'
import type * as Nexus from '../../src/entry/node.ts'
import type * as Testing from '../../src/entry/testing.ts'
import { probe } from './probe.ts'

const [, , entry, order] = process.argv as [string, string, string, string]
const load = (name: string): Promise<unknown> => import(new URL(`../../dist/${name}.js`, import.meta.url).href)
const nexus = (await load(entry)) as typeof Nexus
const testing = (await load('testing')) as typeof Testing
console.log(JSON.stringify(await probe(nexus, testing, JSON.parse(order))))
process.exit(0)
