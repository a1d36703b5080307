/** `bench`, against servers on loopback. Nothing here asks how fast it is. */

import type { RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { makeBed } from './bed.ts'
import { Command, run } from './run.ts'
import { serveHttp, serveWs } from './servers.ts'

const bed = makeBed()

async function serve(listener: RequestListener): Promise<string> {
  const server = await serveHttp(listener)
  bed.keep(server)
  return `http://127.0.0.1:${server.port}/`
}

interface Report {
  readonly completed: number
  readonly latency: Readonly<Record<string, number>>
  readonly histogram: readonly { from: number; to: number; count: number }[]
}

test('asks as often as it is told, warm-up apart, over as many connections', async () => {
  let requests = 0
  const sockets = new Set<Socket>()
  const url = await serve((request, response) => {
    requests++
    sockets.add(request.socket)
    response.end('ok')
  })
  const { code, stdout, stderr } = await run(['bench', url, '-n', '200', '-c', '4', '--warmup', '10'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect({ requests, connections: sockets.size }).toEqual({ requests: 240, connections: 4 })
  expect(stdout).toMatch(
    /^200 round trips in \S+ s over 4 connections: \S+\/s\n200: 200\n\nmin +\S+ ms\np50 +\S+ ms\np90 +\S+ ms\np99 +\S+ ms\np99\.9 +\S+ ms\nmax +\S+ ms\nmean +\S+ ms\n\n/,
  )
  const bars = [...stdout.matchAll(/^ *\S+ – \S+ ms +([\d,]+) █*$/gm)].map(([, count = '']) => Number(count.replaceAll(',', '')))
  expect(bars.reduce((sum, count) => sum + count, 0)).toBe(200)
  expect(stdout).not.toContain('\x1b')
})

test('--json: figures in order, whose parts add up', async () => {
  const url = await serve((_, response) => response.end('ok'))
  const { code, stdout } = await run(['bench', url, '-n', '300', '-c', '2', '--json'])
  expect(code).toBe(0)
  expect(stdout.split('\n')).toHaveLength(2)
  const report: Report = JSON.parse(stdout)
  expect(report).toMatchObject({ url, connections: 2, completed: 300, errors: 0, reconnects: 0, answers: { 200: 300 } })
  expect(Object.keys(report.latency)).toEqual(['min', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max'])
  const { mean = 0, ...ordered } = report.latency
  expect(Object.values(ordered)).toEqual(Object.values(ordered).toSorted((a, b) => a - b))
  expect(mean).toBeGreaterThan(ordered['min'] as number)
  expect(report.histogram.reduce((sum, { count }) => sum + count, 0)).toBe(300)
})

test('--duration ends it, and a body makes it a POST', async () => {
  const seen = new Set<string>()
  const url = await serve((request, response) => {
    request.on('data', (chunk: Buffer) => seen.add(`${request.method} ${chunk}`)).on('end', () => response.end())
  })
  const { code, stdout } = await run(['bench', url, '--duration', '300ms', '--data', 'x', '--json'])
  expect(code).toBe(0)
  expect((JSON.parse(stdout) as Report).completed).toBeGreaterThan(0)
  expect([...seen]).toEqual(['POST x'])
})

test('a server that ends each connection is connected to anew', async () => {
  const url = await serve((_, response) => response.setHeader('Connection', 'close').end('ok'))
  const { code, stdout } = await run(['bench', url, '-n', '20', '-w', '0', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ completed: 20, errors: 0, reconnects: 19 })
})

test('failed requests are counted by their code, and exit with 1', async () => {
  let requests = 0
  const url = await serve((request, response) => {
    if (++requests === 5) request.socket.destroy()
    else response.end('ok')
  })
  const { code, stdout } = await run(['bench', url, '-n', '10', '-w', '0', '--json'])
  expect(code).toBe(1)
  const report = JSON.parse(stdout)
  expect(report).toMatchObject({ completed: 9, errors: 1, reconnects: 1 })
  expect(Object.keys(report.answers).filter((answer) => /^Connection(Closed|Reset)$/.test(answer))).toHaveLength(1)
})

test('--fail: a status of 400 or more exits with 4', async () => {
  const url = await serve((_, response) => response.writeHead(503).end())
  expect((await run(['bench', url, '-n', '5', '-w', '0'])).code).toBe(0)
  const { code, stdout } = await run(['bench', url, '-n', '5', '-w', '0', '--fail'])
  expect(code).toBe(4)
  expect(stdout).toContain('\n503: 5\n')
})

test('a WebSocket is pinged, and closed with 1000', async () => {
  const server = await serveWs()
  bed.keep(server)
  const { code, stdout } = await run(['bench', server.url, '-n', '50', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ completed: 50, answers: { pong: 50 } })
  expect(await server.closed()).toBe(1000)
})

test('SIGINT ends it with what was measured', async () => {
  let requests = 0
  let begin = (): void => {}
  const measuring = new Promise<void>((resolve) => (begin = resolve))
  const url = await serve((_, response) => {
    response.end('ok')
    if (++requests === 100) begin()
  })
  const command = new Command(['bench', url, '--duration', '10m', '--warmup', '0', '--json'])
  await measuring
  command.child.kill('SIGINT')
  const { code, stdout, stderr } = await command.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect((JSON.parse(stdout) as Report).completed).toBeGreaterThan(50)
})

test('a server that is not there exits with 1 and its code', async () => {
  const url = await serve(() => {})
  await bed.services.pop()?.close()
  const { code, stdout, stderr } = await run(['bench', url])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^nexus-async-net: ConnectRefused: /)
})
