/** `ws`: a WebSocket between stdin and stdout. */

import { Buffer } from 'node:buffer'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CloseInfo, type Message, OwnedMessage, WsStream } from '../entry/node.ts'
import type { Arguments } from './arguments.ts'
import { COMMON_OPTIONS, CONNECTION_OPTIONS, type Command, dialOptions, type Session, SIZE_MAX } from './command.ts'
import { Exit, UsageFailure } from './exit-codes.ts'
import { counted } from './format.ts'
import { openRecording, Recorder, sentIn, toLine } from './record.ts'
import { Stats } from './stats.ts'

/** Characters that are collected before they are written. */
const BATCH = 65_536
/** How long to wait for answers when nothing more will be sent, in ms. */
const LINGER = 500

/** The command. */
export const ws: Command = {
  operands: '<url>',
  arity: [1, 1],
  summary: 'print the messages of a WebSocket, send it lines',
  description: `Connects, prints each message as a line, and sends each line of stdin as a text message. Binary messages
are printed in hexadecimal. When stdin ends, answers are waited for (--linger), and the connection is closed
with 1000. Ctrl-C closes it, too. Notes go to stderr, when that is a terminal or with --verbose.`,
  options: {
    subprotocol: { short: 's', value: 'name', many: true, help: 'a subprotocol to offer; again for more' },
    ...CONNECTION_OPTIONS,
    count: { short: 'n', value: 'number', help: 'end after so many messages, whenever stdin ends' },
    duration: { short: 'd', value: 'time', help: 'end after so long, whenever stdin ends' },
    linger: { value: 'time', help: `after the end of stdin, receive for so long; default ${LINGER}ms` },
    listen: { short: 'l', help: 'go on when stdin ends, until the server closes' },
    binary: { help: 'print binary messages as they are, with nothing added; on a terminal as text' },
    json: { help: 'print messages as --record writes them' },
    record: { value: 'file', help: 'write every message, sent or received, to a file: JSON, one a line' },
    replay: { value: 'file', help: 'send what a recording sent, at its times, instead of stdin' },
    speed: { value: 'factor', help: 'replay so many times faster; 0: without pauses' },
    stats: { help: 'rates, sizes and round trips of pings, on stderr' },
    deflate: { help: 'offer compression, permessage-deflate; --stats shows its ratio' },
    heartbeat: { value: 'time', help: 'ping so often, and give up when nothing comes back' },
    'max-size': { value: 'bytes', help: 'longest message; default 16777216' },
    ...COMMON_OPTIONS,
  },
  examples: [
    'ws wss://exchange.example/feed',
    `echo '{"op":"subscribe"}' | nexus-async-net ws wss://exchange.example/feed --count 3`,
    'ws wss://exchange.example/feed --listen --stats --record feed.jsonl > /dev/null < /dev/null',
  ],
  run: (session) => new WsCommand(session).run(),
}

type Source = AsyncIterable<{ readonly at: number; readonly message: OwnedMessage }>

class WsCommand {
  private readonly args: Arguments
  private readonly recorder: Recorder | null
  private readonly stats: Stats | null
  private readonly printer: Printer
  private readonly connectOptions: object
  private readonly limit: number
  private readonly duration: number | undefined
  private readonly source: Source
  private opened = 0
  private received = 0

  constructor(private readonly session: Session) {
    const { args } = session
    this.args = args
    this.stats = args.has('stats') ? new Stats() : null
    this.printer = new Printer(session)
    if (args.has('speed') && !args.has('replay')) throw new UsageFailure('--speed goes with --replay')
    if (args.has('json') && args.has('binary')) throw new UsageFailure('--json and --binary exclude each other')
    this.limit = args.count('count', 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY
    this.duration = args.time('duration')
    this.connectOptions = this.options()
    const path = args.text('record')
    if (path !== undefined && path === args.text('replay')) throw new UsageFailure('--record would overwrite what --replay reads')
    this.source = this.makeSource()
    // Last, as it empties the file.
    this.recorder = path === undefined ? null : new Recorder(path)
  }

  async run(): Promise<number> {
    const { args, limit, duration, session } = this
    const { output, stop } = session
    const [url = ''] = args.operands
    const timers: NodeJS.Timeout[] = []
    const stream = await WsStream.connect(url, { ...this.connectOptions, signal: stop })
    this.opened = performance.now()
    this.greet(stream)
    const close = (): void => void stream.close()
    if (stop.aborted) close()
    stop.addEventListener('abort', close)
    if (duration !== undefined) timers.push(setTimeout(close, duration))
    if (this.stats !== null) timers.push(setInterval(() => this.measure(stream), 1_000))
    let failure: unknown = null
    this.send(stream, limit < Number.POSITIVE_INFINITY || duration !== undefined).catch((error: unknown) => {
      // A connection that has ended says why itself.
      if (stream.readyState !== 'open') return
      failure = error
      close()
    })
    try {
      while (this.received < limit && (await stream.readable())) {
        for (let message = stream.next(); message !== null; message = stream.next()) {
          const full = this.receive(message)
          if (full !== undefined) await full
          if (this.received >= limit) break
        }
        this.recorder?.flush()
        await this.printer.flush()
      }
      if (this.received >= limit) close()
    } finally {
      await this.printer.flush()
      for (const timer of timers) clearInterval(timer)
      this.recorder?.close()
      if (this.stats !== null) {
        output.progress('')
        output.note(this.stats.summary(args.has('deflate') ? stream.extensions : null), true)
      }
    }
    const info = await stream.closed
    if (failure !== null) throw failure
    return this.judge(info)
  }

  private options(): object {
    const { args } = this
    const timeout = args.time('timeout')
    const heartbeat = args.time('heartbeat')
    const size = args.count('max-size', 1, SIZE_MAX)
    return {
      ...dialOptions(args),
      headers: args.fields('header'),
      protocols: args.all('subprotocol'),
      perMessageDeflate: args.has('deflate'),
      ...(timeout === undefined ? {} : { handshakeTimeout: timeout }),
      ...(heartbeat === undefined ? {} : { heartbeat: { interval: heartbeat } }),
      ...(size === undefined ? {} : { maxMessageSize: size, maxFrameSize: size }),
    }
  }

  private greet({ remoteAddress, protocol, extensions, headers }: WsStream): void {
    const { args, output } = this.session
    const verbose = args.has('verbose')
    const agreed = `${protocol === '' ? '' : `, subprotocol ${protocol}`}${extensions === '' ? '' : `, ${extensions}`}`
    output.note(`connected to ${remoteAddress ?? 'the server'}${agreed}`, verbose)
    if (verbose) for (const [name, value] of headers) output.note(`${name}: ${value}`, true)
  }

  /** A message was received. Returns a promise when stdout has enough for now. */
  private receive(message: Message): undefined | Promise<void> {
    const { args, output } = this.session
    const { kind } = message
    const line = this.recorder !== null || args.has('json') ? toLine(performance.now() - this.opened, 'in', message) : ''
    this.recorder?.add(line)
    if (kind === 'text' || kind === 'binary') {
      this.received++
      this.stats?.onReceived(message.length, message.wireLength)
      return this.printer.add(message, line)
    }
    if (kind === 'pong') this.stats?.onPong(message.text)
    if (args.has('verbose') && kind !== 'close') output.note(`${kind}, ${counted(message.length, 'byte')}`, true)
    return undefined
  }

  /** The messages to send, with the time of each in ms since the connection was open. */
  private makeSource(): Source {
    const { args } = this
    const speed = args.factor('speed') ?? 1
    const path = args.text('replay')
    const file = path === undefined ? 0 : openRecording(path)
    return (async function* () {
      if (path === undefined) {
        const input = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
        for await (const line of input) yield { at: 0, message: new OwnedMessage('text', line) }
        return
      }
      for await (const { t, opcode, text = '', base64 = '' } of sentIn(path, file)) {
        const data = opcode === 'text' ? text : new Uint8Array(Buffer.from(base64, 'base64'))
        yield { at: speed === 0 ? 0 : t / speed, message: new OwnedMessage(opcode, data) }
      }
    })()
  }

  private async send(stream: WsStream, endsLater: boolean): Promise<void> {
    for await (const { at, message } of this.source) {
      const delay = at - (performance.now() - this.opened)
      if (delay > 0) await sleep(delay, undefined, { signal: this.session.stop })
      if (stream.readyState !== 'open') return
      if (message.kind === 'text') await stream.sendText(message.text)
      else if (message.kind === 'binary') await stream.sendBinary(message.bytes)
      else if (message.kind === 'ping') await stream.sendPing(message.bytes)
      else if (message.kind === 'pong') await stream.sendPong(message.bytes)
      else continue
      this.stats?.onSent(message.bytes.length)
      this.recorder?.add(toLine(performance.now() - this.opened, 'out', message))
    }
    if (endsLater || this.args.has('listen')) return
    await stream.flush()
    await sleep(this.args.time('linger') ?? LINGER, undefined, { signal: this.session.stop })
    await stream.close()
  }

  private measure(stream: WsStream): void {
    const { output } = this.session
    const ping = stream.readyState === 'open' ? this.stats?.ping() : null
    // A connection that is lost says so elsewhere.
    if (ping) stream.sendPing(ping)?.catch(() => {})
    output.progress(this.stats?.line() ?? '')
  }

  /** The exit code for the way in which the connection ended. */
  private judge({ code, reason, error }: CloseInfo): number {
    const { args, output } = this.session
    if (error !== null) throw error
    const text = `closed with ${code}${reason === '' ? '' : `: ${reason}`}`
    if (code === 1000 || code === 1005) {
      output.note(text, args.has('verbose'))
      return Exit.ok
    }
    output.fail(text)
    return Exit.closed
  }
}

/** Messages on stdout. */
class Printer {
  private text = ''

  constructor(private readonly session: Session) {}

  /** Returns a promise when stdout has enough for now. */
  add(message: Message, line: string): undefined | Promise<void> {
    const { args, output } = this.session
    if (args.has('json')) this.text += line
    else if (message.kind === 'text') this.text += `${this.arrow('<')}${output.shown(message.text)}\n`
    else if (args.has('binary')) return this.raw(message.bytes.slice())
    else this.text += `${this.arrow('<')}${Buffer.from(message.bytes).toString('hex')}\n`
    return this.text.length >= BATCH ? this.flush() : undefined
  }

  flush(): undefined | Promise<void> {
    const { text } = this
    this.text = ''
    return text === '' ? undefined : this.session.output.write(text)
  }

  private async raw(bytes: Uint8Array): Promise<void> {
    const { output } = this.session
    await this.flush()
    await output.write(output.isTerminal ? output.shown(Buffer.from(bytes).toString()) : bytes)
  }

  private arrow(text: string): string {
    return this.session.output.isTerminal ? `${this.session.output.paint('green', text)} ` : ''
  }
}
