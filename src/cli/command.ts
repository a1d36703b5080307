/** What a command is, and the options that all of them share. */

import type { DialOptions } from '../entry/node.ts'
import type { Arguments, Options } from './arguments.ts'
import type { Output } from './output.ts'

/** The longest body, and the longest message, that the library takes. */
export const SIZE_MAX: number = 2 ** 31 - 1

/** The context of a command. */
export interface Session {
  readonly args: Arguments
  readonly output: Output
  /** Aborted by SIGINT, by SIGTERM, and when the reader of stdout has gone: the command should end in order. */
  readonly stop: AbortSignal
}

/** A command. */
export interface Command {
  /** Its operands. */
  readonly operands: string
  /** How many: at least, at most. */
  readonly arity: readonly [min: number, max: number]
  readonly summary: string
  readonly description: string
  readonly options: Options
  readonly examples: readonly string[]
  /** Returns the exit code. */
  run(session: Session): Promise<number>
}

/** How to connect. */
export const CONNECTION_OPTIONS: Options = {
  header: { short: 'H', value: "'Name: value'", many: true, help: 'a field of the request; again for more' },
  timeout: { value: 'time', help: 'longest time to connect and be answered: 500ms, 10s, 2m' },
  proxy: { value: 'url', help: "http://, https:// or socks5://[user:password@]host:port, or 'environment'" },
  'unix-socket': { value: 'path', help: 'connect to this socket instead of host and port' },
  ca: { value: 'file', help: 'certificates to trust (PEM) instead of the usual ones' },
  cert: { value: 'file', help: "the client's certificate (PEM), with --key" },
  key: { value: 'file', help: 'its private key (PEM)' },
  'server-name': { value: 'name', help: 'whom the certificate has to be for' },
  insecure: { short: 'k', help: 'DANGEROUS: accept any certificate' },
}

/** What every command has. */
export const COMMON_OPTIONS: Options = {
  verbose: { short: 'v', help: 'say more on stderr' },
  help: { short: 'h', help: 'this text' },
}

/** The options of {@link CONNECTION_OPTIONS}, for the library. */
export function dialOptions(args: Arguments): DialOptions {
  const timeout = args.time('timeout')
  return {
    tls: {
      ca: args.file('ca')?.toString(),
      cert: args.file('cert')?.toString(),
      key: args.file('key')?.toString(),
      serverName: args.text('server-name'),
      dangerNoVerify: args.has('insecure'),
    },
    proxy: args.text('proxy'),
    socketPath: args.text('unix-socket'),
    ...(timeout === undefined ? {} : { connectTimeout: timeout }),
  }
}
