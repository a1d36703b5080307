/** `dist/cli.js` as a child process, with its streams in the test's hands. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** How a command has ended. */
export interface Outcome {
  /** The exit code, or the signal that ended it. */
  readonly code: number | string | null
  readonly stdout: string
  readonly stderr: string
  /** `stdout`, before it was decoded. */
  readonly bytes: Buffer
}

/** A command that runs. */
export class Command {
  readonly child: ChildProcessWithoutNullStreams
  readonly ended: Promise<Outcome>
  private readonly out: Buffer[] = []
  private readonly err: Buffer[] = []

  /** @param isRead false: nobody reads its stdout before `child.stdout` is told to flow */
  constructor(args: readonly string[], isRead = true) {
    if (!existsSync(program)) throw new Error('dist/cli.js is not there: npm run build')
    this.child = spawn(process.execPath, [program, ...args], { env: { ...process.env, NO_COLOR: '' } })
    // It may end before it has read everything.
    this.child.stdin.on('error', () => {})
    if (isRead) this.read()
    this.child.stderr.on('data', (chunk: Buffer) => this.err.push(chunk))
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (code, signal) => {
        const bytes = Buffer.concat(this.out)
        resolve({ code: code ?? signal, stdout: bytes.toString(), stderr: Buffer.concat(this.err).toString(), bytes })
      })
    })
  }

  /** Begins to read stdout. */
  read(): void {
    this.child.stdout.on('data', (chunk: Buffer) => this.out.push(chunk))
  }

  /** Resolves when stdout has given something. */
  output(): Promise<void> {
    return this.out.length > 0 ? Promise.resolve() : new Promise((resolve) => this.child.stdout.once('data', () => resolve()))
  }
}

/** Runs a command to its end. */
export function run(args: readonly string[], input: string | Uint8Array = ''): Promise<Outcome> {
  const command = new Command(args)
  command.child.stdin.end(input)
  return command.ended
}
