/** What `--help` says. */

import type { Option } from './arguments.ts'
import type { Command } from './command.ts'
import { Exit } from './exit-codes.ts'

const CODES: Readonly<Record<number, string>> = {
  [Exit.ok]: 'done; a WebSocket was closed with 1000, or without a code',
  [Exit.failed]: 'no connection, a lost one, a timeout, or a server that breaks the protocol: the error code is on stderr',
  [Exit.usage]: 'the command line is wrong',
  [Exit.closed]: 'the server closed the WebSocket with another code, which is on stderr',
  [Exit.status]: 'with --fail: an HTTP status of 400 or more',
  [Exit.interrupted]: 'interrupted before there was a result',
}

/** The text of the program. */
export function programHelp(commands: Readonly<Record<string, Command>>): string {
  const calls = Object.entries(commands).map(([name, { operands, summary }]) => [`nexus-async-net ${name} ${operands}`, summary])
  return `${table([...calls, ['nexus-async-net --version', 'print the version']])}

nexus-async-net <command> --help says more.

${exitCodes()}
`
}

/** The text of a command. */
export function commandHelp(name: string, { operands, description, options, examples }: Command): string {
  return `nexus-async-net ${name} ${operands} [options]

${description}

${table(Object.entries(options).map(([long, option]) => [nameOf(long, option), option.help]))}

Examples:
${examples.map((example) => `  ${example.startsWith(name) ? 'nexus-async-net ' : ''}${example}`).join('\n')}

${exitCodes()}
`
}

function nameOf(long: string, { short, value }: Option): string {
  return `${short === undefined ? '    ' : `-${short}, `}--${long}${value === undefined ? '' : ` <${value}>`}`.replace(/<('.*')>/, '$1')
}

function exitCodes(): string {
  return `Exit codes:\n${table(Object.entries(CODES))}`
}

function table(rows: readonly (readonly string[])[]): string {
  const width = Math.max(...rows.map(([left = '']) => left.length))
  return rows.map(([left = '', right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}
