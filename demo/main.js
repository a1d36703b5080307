// @ts-check
/** `npm run demo`. Begin reading at client.js; `--help` says what there is to play with. */

import process from 'node:process'
import { count } from './format.js'
import { ArgumentError, HELP, parseOptions } from './options.js'
import { Terminal } from './terminal.js'

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const wrongArguments = error instanceof ArgumentError
  console.error(wrongArguments ? `${error.message}\nTry --help.` : error)
  process.exitCode = wrongArguments ? 2 : 1
}

/**
 * The exit code.
 *
 * @param {string[]} args
 */
async function main(args) {
  const options = parseOptions(args)
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const terminal = new Terminal(options.plain)
  try {
    const { bun, deno, node } = process.versions
    const runtime = bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node.js ${node}`
    if (options.url !== null) {
      const { probe } = await import('./probe.js')
      terminal.print('', `  ${terminal.bold('nexus-async-net')} · ${runtime} · ${options.url}`, '')
      return (await probe(options.url, options, terminal)) ? 0 : 1
    }
    const { runExchange } = await import('./run-exchange.js')
    const orders = options.orders === 0 ? '' : `, ${count(options.orders)} orders/s`
    const what = `${options.symbols.length} symbols, ${count(options.rate)} deltas/s${orders}, seed ${options.seed}`
    terminal.print('', `  ${terminal.bold('nexus-async-net')} · ${runtime} · ${what}`, '')
    return (await runExchange(options, terminal)) ? 0 : 1
  } finally {
    terminal.close()
  }
}
