/** Servers that other people wrote, as processes with a directory and ports of their own. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { listen, stop } from '../integration/peers.ts'
import { until } from '../integration/rest-context.ts'

/** Daemons are not on everybody's path. */
const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin` }

/** Runs a command of a server to its end; returns what it wrote. Fails with what to install when it is missing. */
export async function command(tool: string, args: readonly string[], debianPackage: string): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(tool, args, { env })
    return stdout + stderr
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new Error(`the interoperability tests need ${tool}: apt-get install ${debianPackage}`, { cause })
  }
}

/** A port of the loopback where nothing listens. */
export async function freePort(): Promise<number> {
  const server = net.createServer()
  const port = await listen(server, '127.0.0.1')
  await stop(server)
  return port
}

/** Something accepts connections at the port. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** A directory that is gone when it is disposed of. */
export class TemporaryDirectory {
  readonly path: string = mkdtempSync(join(tmpdir(), 'nexus-'))

  file(name: string): string {
    return join(this.path, name)
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A server that stays in the foreground. */
export class Daemon {
  private readonly process: ChildProcess
  private readonly exited: Promise<void>
  private hasExited = false
  private output = ''
  private readonly onExit = (): void => void this.process.kill('SIGTERM')

  private constructor(tool: string, args: readonly string[]) {
    this.process = spawn(tool, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output = (this.output + chunk.toString()).slice(-20_000)
      })
    }
    this.exited = new Promise((resolve) => {
      const done = (): void => {
        this.hasExited = true
        resolve()
      }
      this.process.once('error', (error) => {
        this.output += error.message
        done()
      })
      this.process.once('exit', done)
    })
    process.once('exit', this.onExit)
  }

  /** Starts it, and waits until it accepts connections at all of the ports. */
  static async start(tool: string, args: readonly string[], ports: readonly number[]): Promise<Daemon> {
    const daemon = new Daemon(tool, args)
    for (const port of ports) {
      await until(async () => {
        if (daemon.hasExited) throw new Error(`${tool} ended at once: ${daemon.output}`)
        return accepts(port)
      })
    }
    return daemon
  }

  /** Asks it to end, so that its workers end with it, and has it killed when it does not. */
  async stop(): Promise<void> {
    process.removeListener('exit', this.onExit)
    if (this.hasExited) return
    this.process.kill('SIGTERM')
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 10_000)
    await this.exited
    clearTimeout(timer)
  }
}
