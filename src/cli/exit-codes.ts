/** How a command ends, for scripts. */

import { NexusError } from '../entry/node.ts'

/** Exit codes. They never change their meaning. */
export const Exit = {
  ok: 0,
  /** No connection, a lost one, or a peer that broke the protocol. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The server closed a WebSocket with another code than 1000. */
  closed: 3,
  /** `--fail`: an HTTP status of 400 or more. */
  status: 4,
  /** SIGINT or SIGTERM before there was a result. */
  interrupted: 130,
} as const

/** The command line is wrong; the message says what would be right. */
export class UsageFailure extends Error {}

/** The text on stderr for an error, and its exit code. */
export function explain(error: unknown): { readonly text: string; readonly exit: number } {
  if (error instanceof UsageFailure) return { text: error.message, exit: Exit.usage }
  const { code, message } = error instanceof Error ? (error as Error & { code?: string }) : { code: undefined, message: String(error) }
  // Here, the caller of the library is the user who wrote the command line.
  const isUsage = error instanceof NexusError && (error.fault === 'local' || error.code === 'TlsOptionInvalid')
  const text = code === undefined || message.startsWith(`${code}:`) ? message : `${code}: ${message}`
  return { text, exit: isUsage ? Exit.usage : Exit.failed }
}
