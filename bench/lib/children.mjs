// @ts-check
// Processes that talk in lines of JSON: the peers of a benchmark, and its contenders.

import { spawn, spawnSync } from 'node:child_process'
import os from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { runtime } from './runtime.mjs'

/** A child process that answers lines with lines. It ends when its standard input does, so it can't outlive us. */
export class Child {
  /** @type {string[]} */
  #lines = []
  /** @type {((line: string | null) => void) | null} */
  #waiting = null
  #ended = false

  /**
   * @param {string} program
   * @param {readonly string[]} args
   * @param {Record<string, string>} env
   */
  constructor(program, args, env = {}) {
    this.process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    let text = ''
    this.process.stdout.setEncoding('utf8')
    this.process.stdout.on('data', (chunk) => {
      text += chunk
      const lines = text.split('\n')
      text = /** @type {string} */ (lines.pop())
      for (const line of lines) this.#give(line)
    })
    this.process.on('error', (error) => {
      process.stderr.write(`${error}\n`)
      this.#give(null)
    })
    this.process.on('close', () => this.#give(null))
    this.process.stdin.on('error', () => {})
  }

  /** @param {string | null} line */
  #give(line) {
    if (line === null) this.#ended = true
    else if (!line.startsWith('{')) process.stderr.write(`${line}\n`)
    else this.#lines.push(line)
    if (this.#waiting !== null && (this.#lines.length > 0 || this.#ended)) {
      const wake = this.#waiting
      this.#waiting = null
      wake(this.#lines.shift() ?? null)
    }
  }

  /**
   * The next line, parsed.
   *
   * @param {number} timeout ms
   * @returns {Promise<any>}
   */
  async read(timeout) {
    /** @type {any} */
    let timer
    const line = await new Promise((resolve, reject) => {
      const ready = this.#lines.shift()
      if (ready !== undefined || this.#ended) return resolve(ready ?? null)
      this.#waiting = resolve
      timer = setTimeout(() => reject(new Error(`nothing came within ${timeout} ms`)), timeout)
    })
    clearTimeout(timer)
    if (line === null) throw new Error('the process has ended')
    return JSON.parse(line)
  }

  /** @param {unknown} value */
  write(value) {
    this.process.stdin.write(`${JSON.stringify(value)}\n`)
  }

  /** Ends it; waits until it is gone. */
  async stop() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const gone = new Promise((resolve) => this.process.once('close', resolve))
    this.process.stdin.end()
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 2_000)
    await gone
    clearTimeout(timer)
  }
}

/** Whether processes can be bound to a core here. */
export const canPin = os.platform() === 'linux' && spawnSync('taskset', ['--version']).status === 0

/**
 * The same command, bound to the last core if `oneCore`.
 *
 * @param {boolean} oneCore
 * @param {string} program
 * @param {string[]} args
 * @returns {[string, string[]]}
 */
export function pinned(oneCore, program, args) {
  return oneCore ? ['taskset', ['-c', String(os.cpus().length - 1), program, ...args]] : [program, args]
}

/**
 * Starts a peer (always on Node: it is the same for everyone) and waits for the line that says where it listens.
 *
 * @param {string} script relative to `bench/`
 * @param {boolean} oneCore
 */
export async function startPeer(script, oneCore) {
  const node = runtime === 'node' ? process.execPath : (process.env['BENCH_NODE'] ?? 'node')
  const child = new Child(...pinned(oneCore, node, [fileURLToPath(new URL(`../${script}`, import.meta.url))]))
  return { child, info: await child.read(60_000) }
}
