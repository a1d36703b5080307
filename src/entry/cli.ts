#!/usr/bin/env node
/** `npx nexus-async-net`: the command line. */

import process from 'node:process'
import { main } from '../cli/main.ts'

await main(process.argv.slice(2), new URL('../package.json', import.meta.url))
