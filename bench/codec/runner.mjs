// @ts-check
// The session of Node, Deno and Bun: binaries from files, commands from standard input, a line of JSON each.

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { answerLines, say } from '../lib/lines.mjs'
import { version } from '../lib/runtime.mjs'
import { loadFaces } from './load.mjs'
import { session } from './session.mjs'

const [folder] = process.argv.slice(2)
const module = (/** @type {string} */ name) => new WebAssembly.Module(readFileSync(`${folder}/${name}`))
const layout = JSON.parse(readFileSync(`${folder}/counting.json`, 'utf8'))
const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
const shipped = { codec: module('codec.wasm'), deflate: module('deflate.wasm') }
const counting = { codec: module('counting.wasm'), deflate: module('counting-deflate.wasm') }
const answer = session(await loadFaces(), shipped, counting, layout, cpu)

say({ version })
answerLines(answer)
