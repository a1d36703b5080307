/** Other runtimes as child processes that print JSON lines. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The commands that run a script; those of Deno and Bun take TypeScript, Node 20 does not. */
export const commands = {
  Deno: [bin('deno'), 'run', '--quiet', '--no-config', '--allow-all'],
  Bun: [bin('bun'), 'run'],
} as const satisfies Record<string, readonly string[]>

function bin(name: string): string {
  return fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url))
}

/** A running child. */
export class Child {
  /** The lines of its standard output that are JSON, as they come. */
  readonly lines: AsyncIterableIterator<unknown>
  private readonly process: ChildProcess
  /** Its exit code, or the signal that ended it. */
  private readonly exited: Promise<number | string | null>
  private errors = ''

  /**
   * @param command one of {@link commands}
   * @param file the script
   * @param variables of its environment, beside ours
   */
  constructor(command: readonly string[], file: URL, args: readonly string[] = [], variables: Readonly<Record<string, string>> = {}) {
    const [program, ...options] = command as [string, ...string[]]
    this.process = spawn(program, [...options, fileURLToPath(file), ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...variables },
    })
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString()
    })
    this.exited = new Promise((resolve, reject) => {
      this.process.once('error', reject)
      this.process.once('close', (code, signal) => resolve(code ?? signal))
    })
    this.exited.catch(() => {})
    this.lines = this.read()
  }

  /** The next line; rejects with what the child wrote to standard error when it has ended. */
  async next(): Promise<unknown> {
    const { done, value } = await this.lines.next()
    if (done) throw new Error(`the child ended with ${await this.exited}: ${this.errors}`)
    return value
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.process.stdin?.write(`${line}\n`)
  }

  /** Ends it, unless it has ended; children end by themselves when their standard input does. */
  async stop(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.exited.catch(() => {})
  }

  private async *read(): AsyncIterableIterator<unknown> {
    for await (const line of createInterface({ input: this.process.stdout as NodeJS.ReadableStream })) {
      if (line.startsWith('{')) yield JSON.parse(line)
    }
  }
}
