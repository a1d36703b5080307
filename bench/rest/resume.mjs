// @ts-check
// What a resumed TLS session saves when connections are made again: a server that ends each connection after its response, asked by a pool, which
// resumes, and by single connections, which do not. `node bench/rest/resume.mjs` (Deno: `deno run -A`, Bun: `bun`); the server is Node.

import { spawn } from 'node:child_process'
import https from 'node:https'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { makeCertificate } from '../lib/certificate.mjs'

const ROUNDS = 500
const WARM_UP = 100

async function serve() {
  const { ca, cert, key } = await makeCertificate()
  let reused = 0
  /** @param {'TLSv1.2' | 'TLSv1.3'} maxVersion @returns {Promise<number>} */
  const listen = (maxVersion) =>
    new Promise((resolve) => {
      const server = https.createServer({ cert, key, maxVersion }, (request, response) => {
        if (request.url === '/count') response.end(JSON.stringify({ cpu: process.cpuUsage(), reused }))
        else response.writeHead(200, { Connection: 'close' }).end('x')
      })
      server.on('secureConnection', (socket) => {
        if (socket.isSessionReused()) reused++
      })
      server.listen(0, '127.0.0.1', () => resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port))
    })
  const ports = { 'TLS 1.2': await listen('TLSv1.2'), 'TLS 1.3': await listen('TLSv1.3') }
  process.stdout.write(JSON.stringify({ ca, ports }))
}

/** @param {{ user: number, system: number }} after @param {{ user: number, system: number }} before */
const microseconds = (after, before) => (after.user + after.system - before.user - before.system) / ROUNDS

/** @param {{ ca: string, ports: Record<string, number> }} peer */
async function measure({ ca, ports }) {
  const { ClientPool, HttpConnection, RequestWriter } = await import('nexus-async-net')
  const tls = { ca }
  for (const [version, port] of Object.entries(ports)) {
    const url = `https://127.0.0.1:${port}`
    const writer = new RequestWriter(`127.0.0.1:${port}`)
    const count = async () => {
      const connection = await HttpConnection.connect(url, { tls })
      const counts = (await connection.send(writer.get('/count').finish())).json()
      connection.destroy()
      return counts
    }
    const pool = await ClientPool.connect(url, { tls })
    /** @type {Record<string, () => Promise<unknown>>} */
    const ways = {
      'single connections': async () => {
        const connection = await HttpConnection.connect(url, { tls })
        await connection.send(writer.get('/').finish())
        connection.destroy()
      },
      'a pool that heals': () => pool.request('GET', '/', { retryUnsent: 10 }),
    }
    for (const [way, once] of Object.entries(ways)) {
      for (let i = 0; i < WARM_UP; i++) await once()
      const server = await count()
      const cpu = process.cpuUsage()
      const begin = performance.now()
      for (let i = 0; i < ROUNDS; i++) await once()
      const time = ((performance.now() - begin) * 1_000) / ROUNDS
      const own = microseconds(process.cpuUsage(), cpu)
      const after = await count()
      const numbers = [time, own, microseconds(after.cpu, server.cpu)].map((value) => value.toFixed(0).padStart(6))
      console.log(
        `${version}, ${way.padEnd(18)}: ${numbers.join(' ')} µs a connection (time, CPU here, CPU of the server), ${after.reused - server.reused} resumed`,
      )
    }
    await pool.close({ timeout: 1 })
  }
}

if (process.argv[2] === 'server') {
  await serve()
} else {
  const child = spawn('node', [fileURLToPath(import.meta.url), 'server'], { stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.once('data', async (bytes) => {
    try {
      await measure(JSON.parse(String(bytes)))
    } finally {
      child.kill()
    }
  })
}
