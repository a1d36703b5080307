/** `http`, against servers on loopback. */

import { writeFileSync } from 'node:fs'
import http, { type RequestListener } from 'node:http'
import { describe, expect, test } from 'vitest'
import { startConnectProxy } from '../helpers/proxies.ts'
import { makeBed } from './bed.ts'
import { Command, run } from './run.ts'
import { serveHttp, serveTcp } from './servers.ts'

const bed = makeBed()

/** A server that answers with these bytes, and keeps what it was asked. */
async function answering(bytes: string): Promise<{ url: string; asked: () => string }> {
  let asked = ''
  const server = await serveTcp((socket) =>
    socket.on('data', (chunk) => {
      asked += chunk.toString('latin1')
      if (asked.includes('\r\n\r\n')) socket.write(bytes, 'latin1')
    }),
  )
  bed.keep(server)
  return { url: `http://127.0.0.1:${server.port}`, asked: () => asked }
}

async function serve(listener: RequestListener): Promise<string> {
  const server = await serveHttp(listener)
  bed.keep(server)
  return `http://127.0.0.1:${server.port}`
}

/** Says what it was sent. */
const mirror: RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { method, url, headers } = request
    const framing = headers['content-length'] ?? headers['transfer-encoding'] ?? 'no body'
    response.end(`${method} ${url} ${framing} ${headers.authorization ?? 'nobody'} ${Buffer.concat(chunks).toString('hex').slice(0, 40)}`)
  })
}

const HEAD = 'HTTP/1.1 203 Fine, \xfc\r\nx-LOWER: 1\r\nX-Twice: b\r\nX-Twice: a\r\nContent-Length: 3\r\n\r\n'

describe('a response', () => {
  test('its body is on stdout, byte for byte, and nothing else anywhere', async () => {
    const { url, asked } = await answering(`${HEAD}\0\xff\n`)
    const { code, bytes, stderr } = await run(['http', 'get', `${url}/a?b=c`])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(bytes).toEqual(Buffer.from([0, 255, 10]))
    expect(asked()).toBe(
      `GET /a?b=c HTTP/1.1\r\nHost: ${url.slice(7)}\r\nConnection: keep-alive\r\nUser-Agent: nexus-async-net\r\nAccept: */*\r\n\r\n`,
    )
  })

  test('--include: status line and fields in their order and case', async () => {
    const { url } = await answering(`${HEAD}abc`)
    expect((await run(['http', url, '-i'])).bytes.toString('latin1')).toBe(`${HEAD}abc`)
  })

  test('--timings: each phase, on stderr', async () => {
    const { stdout, stderr } = await run(['http', await serve(mirror), '--timings'])
    expect(stdout).toBe('GET / no body nobody ')
    expect(stderr).toMatch(/^connect +[\d.,]+ ms\nfirst byte +[\d.,]+ ms\nbody +[\d.,]+ ms\ntotal +[\d.,]+ ms\n$/)
  })

  test('of 64 MiB in chunks', async () => {
    const url = await serve((_, response) => {
      const chunk = Buffer.alloc(2 ** 20, 'x')
      let left = 64
      const more = (): void => {
        while (left-- > 0) if (!response.write(chunk)) return void response.once('drain', more)
        response.end()
      }
      more()
    })
    const { code, bytes } = await run(['http', url])
    expect({ code, length: bytes.length }).toEqual({ code: 0, length: 2 ** 26 })
  })

  test('--fail: a status of 400 or more exits with 4; without it, with 0', async () => {
    const url = await serve((_, response) => response.writeHead(404).end('no'))
    expect(await run(['http', url])).toMatchObject({ code: 0, stdout: 'no', stderr: '' })
    expect(await run(['http', url, '--fail'])).toMatchObject({ code: 4, stdout: 'no', stderr: 'nexus-async-net: HTTP status 404 Not Found\n' })
  })

  test('that breaks the protocol exits with 1 and its code', async () => {
    const { url } = await answering('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab')
    const { code, stdout, stderr } = await run(['http', url])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^nexus-async-net: ResponseInvalid: /)
  })

  test('that does not come within --timeout exits with 1; SIGINT with 130', async () => {
    let ask = (): void => {}
    const url = await serve(() => ask())
    const { code, stderr } = await run(['http', url, '--timeout', '1s'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^nexus-async-net: RequestTimeout: /)
    const asked = new Promise<void>((resolve) => (ask = resolve))
    const command = new Command(['http', url])
    await asked
    command.child.kill('SIGINT')
    expect(await command.ended).toMatchObject({ code: 130, stdout: '', stderr: '' })
  })

  test('whose reader goes away ends quietly', async () => {
    const url = await serve((_, response) => {
      const timer = setInterval(() => response.write('x'.repeat(1_000)), 5)
      response.on('close', () => clearInterval(timer))
    })
    const command = new Command(['http', url])
    await command.output()
    command.child.stdout.destroy()
    expect(await command.ended).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('a request', () => {
  test('with --data is a POST of that length, unless the method is given', async () => {
    const url = await serve(mirror)
    expect((await run(['http', `${url}/x`, '--data', 'ü'])).stdout).toBe('POST /x 2 nobody c3bc')
    expect((await run(['http', 'PATCH', `${url}/x`, '--data', ''])).stdout).toBe('PATCH /x 0 nobody ')
  })

  test('with --data-file has its length; from stdin it is sent in chunks', async () => {
    const url = await serve(mirror)
    const file = bed.file('body')
    writeFileSync(file, Buffer.alloc(100_000, 1))
    expect((await run(['http', 'put', url, '--data-file', file])).stdout).toBe(`PUT / 100000 nobody ${'01'.repeat(20)}`)
    expect((await run(['http', 'put', url, '--data-file', '-'], 'hello')).stdout).toBe('PUT / chunked nobody 68656c6c6f')
  })

  test('has user and password of the URL as Basic credentials, and the fields of -H in place of its own', async () => {
    const url = await serve(mirror)
    expect((await run(['http', url.replace('//', '//us%65r:p%40ss@')])).stdout).toBe(`GET / no body Basic ${btoa('user:p@ss')} `)
    const raw = await answering('HTTP/1.1 204 No Content\r\n\r\n')
    await run(['http', raw.url, '-H', 'user-agent: mine', '-H', 'ACCEPT:text/plain'])
    expect(raw.asked()).toContain('\r\nuser-agent: mine\r\nACCEPT: text/plain\r\n\r\n')
    expect(raw.asked()).not.toContain('User-Agent')
  })

  test('with a field that would end the head is refused, and nothing is sent', async () => {
    const { url, asked } = await answering(`${HEAD}abc`)
    const { code, stderr } = await run(['http', url, '-H', 'X-Note: a\r\nX-Other: b'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^nexus-async-net: HeaderInjection: /)
    expect(asked()).toBe('')
  })

  test('--verbose shows it on stderr', async () => {
    const { url } = await answering(`${HEAD}abc`)
    const { stdout, stderr } = await run(['http', 'post', `${url}/o`, '--data', 'secret', '-v'])
    expect(stdout).toBe('abc')
    expect(stderr).toBe(
      `connected to ${url.slice(7)}\nPOST /o HTTP/1.1\nHost: ${url.slice(7)}\nConnection: keep-alive\nUser-Agent: nexus-async-net\nAccept: */*\nContent-Length: 6\n`,
    )
  })
})

describe('TLS and proxies', () => {
  test('--ca and --insecure connect; without them the certificate is rejected', async () => {
    const server = await serveHttp((_, response) => response.end('secure'), bed.certificates.server)
    bed.keep(server)
    const url = `https://127.0.0.1:${server.port}`
    const { code, stderr } = await run(['http', url])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^nexus-async-net: CertificateRejected: /)
    expect(await run(['http', url, '--ca', bed.file('ca.pem')])).toMatchObject({ code: 0, stdout: 'secure' })
    expect(await run(['http', url, '--insecure'])).toMatchObject({ code: 0, stdout: 'secure' })
    const named = await run(['http', url, '--ca', bed.file('ca.pem'), '--server-name', 'elsewhere.test'])
    expect(named.code).toBe(1)
    expect(named.stderr).toMatch(/^nexus-async-net: CertificateRejected: /)
  })

  test('--proxy, with and without the credentials that it wants', async () => {
    const url = await serve((_, response) => response.end('through'))
    const proxy = await startConnectProxy({ credentials: 'user:pass' })
    try {
      expect(await run(['http', url, '--proxy', `http://user:pass@127.0.0.1:${proxy.port}`])).toMatchObject({ code: 0, stdout: 'through' })
      const { code, stderr } = await run(['http', url, '--proxy', `http://127.0.0.1:${proxy.port}`])
      expect(code).toBe(1)
      expect(stderr).toMatch(/^nexus-async-net: ProxyAuthRequired: /)
    } finally {
      await proxy.close()
    }
  })

  test('--unix-socket, and one where nobody listens', async () => {
    const path = bed.file('http.sock')
    const server = http.createServer((request, response) => response.end(request.headers.host))
    await new Promise<void>((done) => server.listen(path, done))
    expect(await run(['http', 'http://h.example/', '--unix-socket', path])).toMatchObject({ code: 0, stdout: 'h.example' })
    await new Promise((done) => server.close(done))
    const { code, stderr } = await run(['http', 'http://h/', '--unix-socket', bed.file('no.sock')])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^nexus-async-net: ConnectRefused: /)
  })
})
