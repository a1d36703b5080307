/** Runs the contract inside a runtime: its orders come on the command line as JSON, a line of JSON goes out for each case. */

import process from 'node:process'
import type { Dial } from '../../src/transport/transport.ts'
import { cases } from './contract.ts'
import type { PeerInfo } from './peer.ts'
import { proxiedDial } from './proxied-dial.ts'

/** For a hanging case, in ms; the slowest takes a fraction of it, and on a machine that is ten times as busy as others still less than that. */
const CASE_LIMIT = 18_000

/** What to run, against whom. */
export interface Orders {
  readonly peer: PeerInfo
  readonly trusted: boolean
  readonly tellsEnds: boolean
  readonly names: readonly string[]
  /** What to connect through; null for straight on. */
  readonly proxy: string | null
}

/** The line of one case. */
export interface Report {
  readonly name: string
  /** What went wrong, or null. */
  readonly fault: string | null
}

/** Runs the cases one after the other. */
export async function runCases(direct: Dial, orders: Orders): Promise<void> {
  const dial = orders.proxy === null ? direct : proxiedDial(direct, orders.proxy)
  for (const name of orders.names) {
    let fault: string | null = null
    try {
      const run = cases[name]
      if (run === undefined) throw new Error('no such case')
      await orGiveUp(run({ dial, peer: orders.peer, trusted: orders.trusted, tellsEnds: orders.tellsEnds }))
    } catch (error) {
      fault = error instanceof Error ? (error.stack ?? error.message) : String(error)
    }
    const report: Report = { name, fault }
    process.stdout.write(`${JSON.stringify(report)}\n`)
  }
}

/** The orders from the command line. */
export function readOrders(): Orders {
  return JSON.parse(process.argv.at(-1) ?? '') as Orders
}

/** A case that hangs fails, and the others still run. */
async function orGiveUp(run: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened for ${CASE_LIMIT} ms`)), CASE_LIMIT)
  })
  try {
    await Promise.race([run, late])
  } finally {
    clearTimeout(timer)
  }
}
