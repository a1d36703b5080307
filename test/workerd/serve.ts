/** The real `workerd`, with a Worker made of a test's module and the built package. */

import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import binary from 'workerd'
import type { Outcome } from '../integration/run-check.ts'
import { importsOf } from '../structure/source.ts'

const dist = new URL('../../dist/', import.meta.url)

/** A built entry and all that it imports, by file name. */
function modulesOf(entry: string): string[] {
  const found = new Set<string>()
  const visit = (name: string): void => {
    if (found.has(name)) return
    found.add(name)
    if (!name.endsWith('.js')) return
    const text = readFileSync(new URL(name, dist), 'utf8')
    for (const { specifier } of importsOf(text)) if (specifier.startsWith('./')) visit(specifier.slice(2))
  }
  visit(entry)
  return [...found]
}

/** A running workerd. */
export class Workerd {
  private constructor(
    /** Where the Worker is asked. */
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
    private readonly errors: string[],
  ) {}

  /**
   * @param module TypeScript of the Worker
   * @param authority PEM that its TLS trusts; nobody when left out
   * @param object class of a Durable Object that it exports, which it finds under the name in capitals
   */
  static async start(module: URL, authority?: string, object?: string): Promise<Workerd> {
    const folder = mkdtempSync(join(tmpdir(), 'nexus-workerd-'))
    const bundle = await rolldown({
      input: fileURLToPath(module),
      external: [/nexus\/workerd(?:-\w+)?\.js$/, /^node:/, /^cloudflare:/],
      platform: 'neutral',
    })
    await bundle.write({ file: join(folder, 'worker.js'), format: 'esm' })
    await bundle.close()
    mkdirSync(join(folder, 'nexus'))
    const names = modulesOf('workerd-websocket.js')
    for (const name of names) copyFileSync(new URL(name, dist), join(folder, 'nexus', name))
    return Workerd.serve(
      folder,
      names.map((name) => `nexus/${basename(name)}`),
      authority,
      object,
    )
  }

  /**
   * @param folder with `worker.js` in it; it is gone when this stops
   * @param modules what else lies there for the Worker to import, as it names them
   * @param authority PEM that its TLS trusts; nobody when left out
   * @param object as for {@link Workerd.start}
   */
  static async serve(folder: string, modules: readonly string[], authority?: string, object?: string): Promise<Workerd> {
    if (authority !== undefined) writeFileSync(join(folder, 'ca.pem'), authority)
    writeFileSync(join(folder, 'config.capnp'), configOf(modules, authority !== undefined, object))
    const child = spawn(binary, ['serve', join(folder, 'config.capnp'), '--control-fd=3'], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    const errors: string[] = []
    child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk.toString()))
    const port = await new Promise<number>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`workerd ended with ${code}: ${errors.join('')}`)))
      ;(child.stdio[3] as Readable).on('data', (chunk: Buffer) => {
        for (const line of chunk.toString().split('\n')) {
          if (line.includes('"listen"')) resolve((JSON.parse(line) as { port: number }).port)
        }
      })
    })
    return new Workerd(`http://127.0.0.1:${port}/`, child, folder, errors)
  }

  /** Has the Worker run a check. What became of it: null, or how it failed. */
  async run(name: string, environment: object): Promise<string | null> {
    return (await this.ask<Outcome>({ name, environment })).error
  }

  /** Has the Worker do what `order` says; what it answers. */
  async ask<Answer>(order: object): Promise<Answer> {
    const response = await fetch(this.url, { method: 'POST', body: JSON.stringify(order) })
    const text = await response.text()
    if (response.status !== 200) throw new Error(`workerd answered ${response.status}: ${text}`)
    return JSON.parse(text) as Answer
  }

  /** What workerd has written to its standard error. */
  get log(): string {
    return this.errors.join('')
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function configOf(names: readonly string[], hasAuthority: boolean, object: string | undefined): string {
  const ofObject = `durableObjectNamespaces = [(className = "${object}", uniqueKey = "${object}")],
  durableObjectStorage = (inMemory = void),
  bindings = [(name = "${object?.toUpperCase()}", durableObjectNamespace = "${object}")],`
  const modules = ['worker.js', ...names].map((name) => `(name = "${name}", ${name.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${name}")`)
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "loopback", network = (
      allow = ["public", "private", "local"],
      tlsOptions = (trustBrowserCas = false, trustedCertificates = [${hasAuthority ? 'embed "ca.pem"' : ''}]),
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [
    ${modules.join(',\n    ')},
  ],
  compatibilityDate = "2026-11-01",
  globalOutbound = "loopback",
  ${object === undefined ? '' : ofObject}
);
`
}
