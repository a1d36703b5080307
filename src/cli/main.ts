/** From a command line to an exit code. */

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { Arguments, nearest } from './arguments.ts'
import { bench } from './bench.ts'
import type { Command } from './command.ts'
import { Exit, explain, UsageFailure } from './exit-codes.ts'
import { commandHelp, programHelp } from './help.ts'
import { http } from './http.ts'
import { Output } from './output.ts'
import { ws } from './ws.ts'

const COMMANDS: Readonly<Record<string, Command>> = { ws, http, bench }

/**
 * Runs a command line and ends the process.
 *
 * @param argv without the program
 * @param manifest where the package's manifest is, for its version
 */
export async function main(argv: readonly string[], manifest: URL): Promise<never> {
  const { stdout, stderr, env } = process
  const stop = new AbortController()
  const output = new Output(stdout, stderr, !env['NO_COLOR'] && env['TERM'] !== 'dumb', () => stop.abort())
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // A second signal means that the user does not want to wait.
      if (stop.signal.aborted) process.exit(Exit.interrupted)
      stop.abort()
    })
  }
  let exit = await attempt(argv, output, stop.signal, manifest)
  // The written bytes have left, or the reader has gone.
  if (!output.isBroken) await new Promise<void>((done) => stdout.write('', () => done()))
  if (output.failure !== null) {
    output.fail(output.failure.message)
    exit = Exit.failed
  }
  process.exit(exit)
}

async function attempt(argv: readonly string[], output: Output, stop: AbortSignal, manifest: URL): Promise<number> {
  const [name = '', ...rest] = argv
  if (name === '--version') {
    await output.write(`${JSON.parse(readFileSync(manifest, 'utf8')).version}\n`)
    return Exit.ok
  }
  if (['--help', '-h', 'help'].includes(name)) {
    await output.write(programHelp(COMMANDS))
    return Exit.ok
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  try {
    if (command === undefined) throw new UsageFailure(unknown(name))
    const args = new Arguments(command.options, rest)
    if (args.has('help')) {
      await output.write(commandHelp(name, command))
      return Exit.ok
    }
    const [min, max] = command.arity
    const { length } = args.operands
    if (length < min || length > max)
      throw new UsageFailure(
        `${name} takes ${command.operands}, but ${length === 0 ? 'nothing was' : length === 1 ? 'one operand was' : `${length} operands were`} given`,
      )
    return await command.run({ args, output, stop })
  } catch (error) {
    if (output.isBroken) return Exit.ok
    if (stop.aborted) return Exit.interrupted
    const { text, exit } = explain(error)
    output.fail(text)
    if (error instanceof UsageFailure) output.note(`try: nexus-async-net ${command === undefined ? '' : `${name} `}--help`, true)
    return exit
  }
}

function unknown(name: string): string {
  if (name === '') return `which command? ${Object.keys(COMMANDS).join(', ')}`
  const near = nearest(name, Object.keys(COMMANDS))
  if (/^(?:ws|http)s?:/.test(name)) return `put a command before the URL: nexus-async-net ${name.startsWith('ws') ? 'ws' : 'http'} <url>`
  return `there is no command ${name}; ${near === undefined ? `there are ${Object.keys(COMMANDS).join(', ')}` : `is it ${near}?`}`
}
