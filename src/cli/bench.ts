/** `bench`: round trips on open connections, one after the other on each. */

import { performance } from 'node:perf_hooks'
import { HttpConnection, RestError, WsStream } from '../entry/node.ts'
import { COMMON_OPTIONS, CONNECTION_OPTIONS, type Command, dialOptions, type Session } from './command.ts'
import { Exit, UsageFailure } from './exit-codes.ts'
import { count, counted, digits, ms } from './format.ts'
import { Histogram } from './histogram.ts'
import { begin, DATA, targetOf, writerFor } from './http.ts'
import { jsonLine } from './output.ts'

/** Histograms count tenths of a microsecond. */
const PER_MS = 1e4
const SHARES = { p50: 0.5, p90: 0.9, p99: 0.99, 'p99.9': 0.999 } as const
const ROWS = 8
const BAR = 40

/** The command. */
export const bench: Command = {
  operands: '<url>',
  arity: [1, 1],
  summary: 'measure round trips on open connections',
  description: `Sends requests over keep-alive connections, on each the next one when the last was answered, and prints rate,
percentiles and a histogram. For ws: and wss: URLs it measures pings and their pongs.`,
  options: {
    requests: { short: 'n', value: 'number', help: 'requests in total; default 1000, without --duration' },
    duration: { short: 'd', value: 'time', help: 'measure for so long' },
    connections: { short: 'c', value: 'number', help: 'connections, at most 1000; default 1' },
    warmup: { short: 'w', value: 'number', help: 'requests before, on each connection, that are not counted; default 50' },
    method: { short: 'X', value: 'name', help: 'default GET, with a body POST' },
    data: DATA,
    json: { help: 'print one JSON object; times in ms' },
    fail: { short: 'f', help: `exit with ${Exit.status} when a status was 400 or more` },
    ...CONNECTION_OPTIONS,
    ...COMMON_OPTIONS,
  },
  examples: ['bench https://exchange.example/ping', 'bench https://exchange.example/ping --connections 8 --duration 10s --json'],
  run,
}

/** A connection that can be asked. */
interface Line {
  /** One round trip; what came back. */
  trip(): Promise<string>
  /** Makes another connection if this one can't be used any more. True when it did. */
  renew(): Promise<boolean>
  close(): Promise<unknown>
  destroy(): void
}

/** What was measured. */
class Result {
  readonly times = new Histogram()
  /** How often each status was answered, or each error happened. */
  readonly answers = new Map<string, number>()
  errors = 0
  reconnects = 0
  begun = 0

  count(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1)
  }
}

async function run(session: Session): Promise<number> {
  const { args, output, stop } = session
  const connections = args.count('connections', 1, 1_000) ?? 1
  const warmup = args.count('warmup', 0, 1e6) ?? 50
  const duration = args.time('duration')
  const requests = args.count('requests', 1, 1e9) ?? (duration === undefined ? 1_000 : Number.POSITIVE_INFINITY)
  const connect = lineMaker(session)
  const lines = await Promise.all(Array.from({ length: connections }, connect))
  const cut = (): void => {
    for (const line of lines) line.destroy()
  }
  stop.addEventListener('abort', cut)
  output.progress(`${counted(connections, 'connection')} open, measuring`)
  const result = new Result()
  let started = 0
  let elapsed = 0
  try {
    await Promise.all(lines.map((line) => exchange(line, new Result(), warmup, Number.POSITIVE_INFINITY, stop)))
    started = performance.now()
    const until = started + (duration ?? Number.POSITIVE_INFINITY)
    await Promise.all(lines.map((line) => exchange(line, result, requests, until, stop)))
    elapsed = performance.now() - started
  } catch (error) {
    cut()
    throw error
  } finally {
    output.progress('')
  }
  if (result.times.total === 0 && stop.aborted) return Exit.interrupted
  const print = args.has('json') ? json : report
  await output.write(print(session, result, connections, elapsed))
  if (!stop.aborted) await Promise.all(lines.map((line) => line.close()))
  if (result.errors > 0) return Exit.failed
  return args.has('fail') && [...result.answers.keys()].some((answer) => Number(answer) >= 400) ? Exit.status : Exit.ok
}

/** Sends requests until `requests` were made by all that share the result, or until a time. */
async function exchange(line: Line, result: Result, requests: number, until: number, stop: AbortSignal): Promise<void> {
  while (result.begun < requests && !stop.aborted && performance.now() < until) {
    result.begun++
    if (await line.renew()) result.reconnects++
    const start = performance.now()
    try {
      const answer = await line.trip()
      result.times.add((performance.now() - start) * PER_MS)
      result.count(answer)
    } catch (error) {
      if (stop.aborted) return
      if (!(error instanceof RestError)) throw error
      result.errors++
      result.count(error.code)
    }
  }
}

/** A function that makes connections to the URL of the command line. */
function lineMaker({ args, stop }: Session): () => Promise<Line> {
  const [url = ''] = args.operands
  const options = { ...dialOptions(args), signal: stop }
  if (/^wss?:/i.test(url)) {
    for (const name of ['data', 'method']) if (args.has(name)) throw new UsageFailure(`--${name} is for http: and https: URLs`)
    return () => pinger(url, { ...options, headers: args.fields('header') })
  }
  const target = targetOf(args, url, args.text('method'))
  const timeout = args.time('timeout')
  const connect = (): Promise<HttpConnection> => HttpConnection.connect(target.url, { ...options, ...(timeout === undefined ? {} : { timeout }) })
  return async () => {
    const writer = writerFor(target)
    const head = begin(writer, target)
    const request = (target.body === undefined ? head : head.body(target.body)).finish()
    let connection = await connect()
    return {
      trip: async () => String((await connection.send(request)).status),
      renew: async () => {
        if (!connection.isPoisoned || stop.aborted) return false
        connection = await connect()
        return true
      },
      close: () => connection.close(),
      destroy: () => connection.destroy(),
    }
  }
}

/** A WebSocket that is pinged. */
async function pinger(url: string, options: object): Promise<Line> {
  const stream = await WsStream.connect(url, options)
  return {
    trip: async () => {
      await stream.sendPing()
      for (let message = await stream.recv(); message?.kind !== 'pong'; message = await stream.recv()) {
        if (message === null) throw new Error(`the server has closed the connection with ${(await stream.closed).code}`)
      }
      return 'pong'
    },
    renew: async () => false,
    close: () => stream.close(),
    destroy: () => stream.destroy(),
  }
}

function report({ output }: Session, { times, answers, errors, reconnects }: Result, connections: number, elapsed: number): string {
  const total = times.total + errors
  const lines = [
    `${counted(total, 'round trip')} in ${digits(elapsed / 1_000)} s over ${counted(connections, 'connection')}: ${output.paint('bold', `${count((times.total / elapsed) * 1_000)}/s`)}`,
    [...answers].map(([answer, number]) => `${answer}: ${count(number)}`).join(', ') +
      (reconnects > 0 ? `; ${counted(reconnects, 'reconnect')}` : ''),
  ]
  if (times.total > 0) {
    const figures = { min: times.min, ...percentiles(times), max: times.max, mean: times.mean }
    lines.push('', ...Object.entries(figures).map(([name, value]) => `${name.padEnd(6)} ${ms(value / PER_MS).padStart(11)}`), '')
    const rows = times.rows(ROWS)
    const most = Math.max(...rows.map((row) => row.count))
    for (const { from, to, count: number } of rows) {
      const bar = output.paint('cyan', '█'.repeat(Math.ceil((number / most) * BAR)))
      lines.push(`${digits(from / PER_MS).padStart(8)} – ${ms(to / PER_MS).padEnd(11)} ${count(number).padStart(9)} ${bar}`.trimEnd())
    }
  }
  return `${lines.join('\n')}\n`
}

function percentiles(times: Histogram): Record<string, number> {
  return Object.fromEntries(Object.entries(SHARES).map(([name, share]) => [name, times.percentile(share)]))
}

function json({ args }: Session, { times, answers, errors, reconnects }: Result, connections: number, elapsed: number): string {
  const { min, max, mean } = times
  const latency = Object.entries(times.total === 0 ? {} : { min, mean, ...percentiles(times), max })
  return jsonLine({
    url: args.operands[0],
    connections,
    completed: times.total,
    errors,
    reconnects,
    duration: elapsed,
    perSecond: (times.total / elapsed) * 1_000,
    answers: Object.fromEntries(answers),
    latency: Object.fromEntries(latency.map(([name, value]) => [name, value / PER_MS])),
    histogram: times.rows(ROWS).map((row) => ({ from: row.from / PER_MS, to: row.to / PER_MS, count: row.count })),
  })
}
