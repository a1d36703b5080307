// @ts-check
/** `--url`: connects to any WebSocket endpoint and shows what comes. */

import process from 'node:process'
import { NexusError, WsStream } from 'nexus-async-net'
import { now } from './clock.js'
import * as format from './format.js'
import { ArgumentError } from './options.js'

/** Messages that are shown; the rest is counted. */
const SHOWN = 5
/** Characters of each. */
const WIDTH = 56

/** Counts what comes. */
class Tally {
  messages = 0
  bytes = 0
  wire = 0
  smallest = Number.POSITIVE_INFINITY
  largest = 0
  lastMessages = 0
  lastBytes = 0

  /** @param {import('nexus-async-net').Message} message */
  add({ length, wireLength }) {
    this.messages++
    this.bytes += length
    this.wire += wireLength
    if (length < this.smallest) this.smallest = length
    if (length > this.largest) this.largest = length
  }

  /** What came since the last call. */
  second() {
    const second = { messages: this.messages - this.lastMessages, bytes: this.bytes - this.lastBytes }
    this.lastMessages = this.messages
    this.lastBytes = this.bytes
    return second
  }
}

/**
 * True when the connection stood until the time was over, or was closed properly.
 *
 * @param {string} url
 * @param {{ seconds: number, send: string[], deflate: boolean }} options
 * @param {import('./terminal.js').Terminal} terminal
 */
export async function probe(url, { seconds, send, deflate }, terminal) {
  const began = now()
  let ws
  try {
    ws = await WsStream.connect(url, { perMessageDeflate: deflate })
  } catch (error) {
    if (error instanceof NexusError && error.code === 'InvalidUrl') throw new ArgumentError(`--url: ${error.message}`)
    terminal.print(`  ${terminal.red('✘')} not connected: ${reason(error)}`, '')
    return false
  }
  const opened = now()
  const tally = new Tally()
  const elapsed = () => (now() - opened) / 1_000
  terminal.print(
    `  ${terminal.green('connected')} in ${format.duration((opened - began) * 1_000)}${ws.protocol && `, protocol ${ws.protocol}`}${ws.extensions && `, ${ws.extensions}`}`,
  )
  for (const text of send) {
    terminal.print(`  ${terminal.cyan('→')} ${excerpt(text)}`)
    await ws.sendText(text)
  }

  const reporting = setInterval(() => {
    const line = rateLine(tally.second(), elapsed())
    if (terminal.live) terminal.draw(['', line])
    else terminal.print(line)
  }, 1_000)
  // Closing ends the loop below.
  let stopped = false
  const stop = () => {
    stopped = true
    ws.close()
  }
  const ending = setTimeout(stop, seconds * 1_000)
  process.once('SIGINT', stop)
  let failure = null
  try {
    await receive(ws, tally, terminal)
  } catch (error) {
    failure = error
  } finally {
    clearInterval(reporting)
    clearTimeout(ending)
    process.off('SIGINT', stop)
  }
  const took = elapsed()
  const { code, wasClean } = await ws.closed
  const end = `${wasClean ? 'cleanly' : 'without a close frame'}, code ${code}`
  terminal.close()
  terminal.print(...summaryLines(terminal, tally, took, failure === null ? end : reason(failure)))
  return failure === null && (wasClean || stopped)
}

/**
 * @param {WsStream} ws
 * @param {Tally} tally
 * @param {import('./terminal.js').Terminal} terminal
 */
async function receive(ws, tally, terminal) {
  while (await ws.readable()) {
    for (let message; (message = ws.next()) !== null; ) {
      const { kind, length } = message
      if (kind === 'text' || kind === 'binary') tally.add(message)
      // The text is made only for those that are shown.
      if (tally.messages <= SHOWN || kind === 'close') {
        const body = kind === 'binary' ? hex(message.bytes) : kind === 'close' ? `${message.closeCode} ${message.text}` : excerpt(message.text)
        terminal.print(`  ${terminal.dim('←')} ${kind.padEnd(6)} ${`${format.count(length)} B`.padStart(8)}  ${body}`)
      }
    }
  }
}

/**
 * @param {{ messages: number, bytes: number }} second
 * @param {number} elapsed seconds
 */
function rateLine({ messages, bytes }, elapsed) {
  return `${`${elapsed.toFixed(2)} s`.padStart(9)}${`${format.count(messages)} msg/s`.padStart(17)}${`${format.size(bytes)}/s`.padStart(15)}`
}

/**
 * @param {import('./terminal.js').Terminal} terminal
 * @param {Tally} tally
 * @param {number} took seconds
 * @param {string} end
 */
function summaryLines(terminal, { messages, bytes, wire, smallest, largest }, took, end) {
  const line = (/** @type {string} */ label, /** @type {string} */ text) => `    ${terminal.dim(label.padEnd(12))}${text}`
  return [
    '',
    `  ${terminal.bold('Summary')}`,
    '',
    line('messages', `${format.count(messages)} in ${took.toFixed(2)} s: ${format.count(messages / took)} msg/s`),
    line('bytes', `${format.size(bytes)} of payload: ${format.size(bytes / took)}/s`),
    ...(wire === bytes ? [] : [line('', format.compressed(wire, bytes))]),
    line('sizes', messages === 0 ? '–' : `${format.count(smallest)} to ${format.count(largest)} bytes, ${format.count(bytes / messages)} on average`),
    line('ended', end),
    '',
  ]
}

/** One line of at most WIDTH characters, with nothing in it that a terminal would obey.
 * @param {string} text */
function excerpt(text) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are the ones to keep from the terminal
  const line = text.slice(0, WIDTH + 1).replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
  return line.length > WIDTH ? `${line.slice(0, WIDTH - 1)}…` : line
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  const most = 18
  const text = [...bytes.subarray(0, most)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return bytes.length > most ? `${text} …` : text
}

/** @param {unknown} error */
function reason(error) {
  if (!(error instanceof NexusError)) return String(error)
  const body = 'body' in error && error.body ? `\n    ${excerpt(String(error.body))}` : ''
  return `${error.message} (${error.code})${body}`
}
