/** `ws`, against servers on loopback. */

import { readFileSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { startSocksProxy } from '../helpers/proxies.ts'
import { makeBed } from './bed.ts'
import { Command, run } from './run.ts'
import { serveTcp, serveWs, type WsService } from './servers.ts'

const bed = makeBed()

async function serve(...args: Parameters<typeof serveWs>): Promise<WsService> {
  const service = await serveWs(...args)
  bed.keep(service)
  return service
}

/** Sends a message again and again. */
function feed(): Promise<WsService> {
  return serve((socket) => {
    const timer = setInterval(() => socket.send('tick'), 5)
    socket.on('close', () => clearInterval(timer))
  })
}

function entriesOf(file: string): Record<string, unknown>[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('piped', () => {
  test('lines go out as messages, messages come back as lines, nothing else is printed, and the end of stdin closes with 1000', async () => {
    const server = await serve()
    expect(await run(['ws', server.url, '--linger', '3s'], 'one\n\ntwo ünïcode\r\nlast')).toMatchObject({
      code: 0,
      stdout: 'one\n\ntwo ünïcode\nlast\n',
      stderr: '',
    })
    expect(await server.closed()).toBe(1000)
  })

  test('binary messages are hexadecimal, or with --binary their bytes alone', async () => {
    const server = await serve((socket) => {
      socket.send(Buffer.from([0, 10, 255]))
      socket.send('text')
    })
    expect((await run(['ws', server.url, '-n', '2'])).stdout).toBe('000aff\ntext\n')
    expect((await run(['ws', server.url, '-n', '2', '--binary'])).bytes).toEqual(Buffer.from([0, 10, 255, ...Buffer.from('text\n')]))
  })

  test('what a server sends is not touched', async () => {
    const server = await serve((socket) => socket.send('\x1b[31mred\nline'))
    expect((await run(['ws', server.url, '-n', '1'])).stdout).toBe('\x1b[31mred\nline\n')
  })

  test('--json is one line a message, whatever is in it', async () => {
    const server = await serve((socket) => {
      socket.send('a\nb')
      socket.send(Buffer.from([1]))
    })
    const { stdout } = await run(['ws', server.url, '-n', '2', '--json'])
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toEqual([
      { t: expect.any(Number), dir: 'in', opcode: 'text', text: 'a\nb' },
      { t: expect.any(Number), dir: 'in', opcode: 'binary', base64: 'AQ==' },
    ])
  })

  test('a message of 8 MiB, both ways', async () => {
    const server = await serve()
    const line = 'x'.repeat(2 ** 23)
    const { code, stdout } = await run(['ws', server.url, '-n', '1'], `${line}\n`)
    expect(code).toBe(0)
    expect(stdout === `${line}\n`).toBe(true)
  })

  test('--max-size: a longer message fails, with its code', async () => {
    const server = await serve((socket) => socket.send('x'.repeat(101)))
    const { code, stdout, stderr } = await run(['ws', server.url, '--listen', '--max-size', '100'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^nexus-async-net: PayloadTooLarge: /)
    expect(await server.closed()).toBe(1009)
  })

  test('--verbose shows connection, fields, pings and the close on stderr', async () => {
    const server = await serve((socket) => {
      socket.ping('hello')
      socket.close(1000, 'bye')
    })
    const { code, stdout, stderr } = await run(['ws', server.url, '-v', '--listen', '--subprotocol', 'v1.feed', '-H', 'X-Api-Key: k'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain(`connected to 127.0.0.1:${server.port}, subprotocol v1.feed\n`)
    expect(stderr).toMatch(/^Upgrade: websocket$/m)
    expect(stderr).toContain('ping, 5 bytes\n')
    expect(stderr).toContain('closed with 1000: bye\n')
    expect(server.headers()['x-api-key']).toBe('k')
  })
})

describe('the end', () => {
  test.each([
    ['1000', 0, ''],
    ['1005', 0, ''],
    ['1001', 3, 'nexus-async-net: closed with 1001: gone\n'],
    ['1008', 3, 'nexus-async-net: closed with 1008: gone\n'],
    ['4001', 3, 'nexus-async-net: closed with 4001: gone\n'],
  ])('a close with %s exits with %i', async (close, exit, expected) => {
    const server = await serve((socket) => (close === '1005' ? socket.close() : socket.close(Number(close), 'gone')))
    expect(await run(['ws', server.url, '--listen'])).toMatchObject({ code: exit, stdout: '', stderr: expected })
  })

  test('a reason that would steer a terminal does not', async () => {
    const server = await serve((socket) => socket.close(4000, '\x1b[2J'))
    expect((await run(['ws', server.url, '--listen'])).stderr).toBe('nexus-async-net: closed with 4000: \\x1b[2J\n')
  })

  test('a connection that ends without a close frame exits with 1', async () => {
    const server = await serve((socket) => (socket as unknown as { _socket: Socket })._socket.end())
    const { code, stderr } = await run(['ws', server.url, '--listen'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^nexus-async-net: .*without a close frame \(1006\).*\n$/) })
  })

  test('a refused connection exits with 1 and its code', async () => {
    const server = await serve()
    await server.close()
    bed.services.pop()
    const { code, stdout, stderr } = await run(['ws', server.url])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^nexus-async-net: ConnectRefused: 127\.0\.0\.1:\d+ refused the connection/)
  })

  test('a server that answers without an upgrade exits with 1 and its code', async () => {
    const server = await serveTcp((socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'))
    bed.keep(server)
    const { code, stderr } = await run(['ws', `ws://127.0.0.1:${server.port}/`])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^nexus-async-net: UnexpectedStatus: .*403/)
  })

  test('--timeout limits the handshake', async () => {
    const server = await serveTcp(() => {})
    bed.keep(server)
    const { code, stderr } = await run(['ws', `ws://127.0.0.1:${server.port}/`, '--timeout', '1s'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^nexus-async-net: HandshakeTimeout: /)
  })

  test('--count and --duration end it, whether stdin has ended or not', async () => {
    const server = await feed()
    expect((await run(['ws', server.url, '--count', '3'])).stdout).toBe('tick\n'.repeat(3))
    expect(await server.closed()).toBe(1000)
    const open = new Command(['ws', server.url, '--duration', '300ms'])
    expect(await open.ended).toMatchObject({ code: 0, stderr: '' })
    expect(await server.closed()).toBe(1000)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s closes with 1000, and says what was counted', async (signal) => {
    const server = await feed()
    const command = new Command(['ws', server.url, '--stats'])
    await command.output()
    command.child.kill(signal)
    const { code, stdout, stderr } = await command.ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/^(tick\n)+$/)
    expect(stderr).toMatch(/^received \d[\d,]* messages?, .* k?B in .* s: .* msg\/s, .*\/s\nsent 0 messages, 0 B\nsize p50 4 B, p99 4 B, max 4 B\n/)
    expect(await server.closed()).toBe(1000)
  })

  test('a second SIGINT does not wait for a server that does not answer the close', async () => {
    let seen = (): void => {}
    const closing = new Promise<void>((resolve) => (seen = resolve))
    // It takes the close frame, and goes on as if there had been none.
    const server = await serve((socket) => {
      socket.send('tick')
      const raw = (socket as unknown as { _socket: Socket })._socket
      raw.removeAllListeners('data')
      raw.on('data', seen)
    })
    const command = new Command(['ws', server.url])
    await command.output()
    command.child.kill('SIGINT')
    await closing
    command.child.kill('SIGINT')
    expect(await command.ended).toMatchObject({ code: 130, stderr: '' })
  })

  test('SIGINT while it connects exits with 130', async () => {
    let ask = (): void => {}
    const asked = new Promise<void>((resolve) => (ask = resolve))
    const server = await serveTcp((socket) => socket.once('data', ask))
    bed.keep(server)
    const command = new Command(['ws', `ws://127.0.0.1:${server.port}/`])
    await asked
    command.child.kill('SIGINT')
    expect(await command.ended).toMatchObject({ code: 130, stdout: '', stderr: '' })
  })

  test('a reader of stdout that goes away ends it quietly, and the server sees 1000', async () => {
    const server = await feed()
    const command = new Command(['ws', server.url, '--listen'])
    await command.output()
    command.child.stdout.destroy()
    expect(await command.ended).toMatchObject({ code: 0, stderr: '' })
    expect(await server.closed()).toBe(1000)
  })
})

test('a reader of stdout that is slow stops the server, and gets everything', async () => {
  const message = 'x'.repeat(65_535)
  const total = 800
  const sent: number[] = []
  let begun = (): void => {}
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve
  })
  const server = await serve(async (socket) => {
    const index = sent.push(0) - 1
    for (let i = 0; i < total; i++) {
      await new Promise<void>((done) => socket.send(message, () => done()))
      sent[index] = i + 1
      begun()
    }
    socket.close(1000)
  })
  const command = new Command(['ws', server.url, '--listen'], false)
  await isBegun
  // Another one like it, which is read: by the time it has everything, so would have this one. 50 MB do not fit into the buffers of two sockets and a pipe.
  const other = await run(['ws', server.url, '--listen'])
  expect([other.code, other.stdout.length, sent[1]]).toEqual([0, total * (message.length + 1), total])
  expect(sent[0]).toBeLessThan(total / 2)
  let length = 0
  command.child.stdout.on('data', (chunk: Buffer) => {
    length += chunk.length
  })
  const { code } = await command.ended
  expect({ code, length }).toEqual({ code: 0, length: total * (message.length + 1) })
})

describe('--stats', () => {
  test('counts both directions, sizes, and round trips of pings', async () => {
    // It goes on until both messages and a ping have come; pings are sent each second.
    const server = await serve((socket) => {
      let messages = 0
      socket.on('message', (data, isBinary) => {
        messages++
        socket.send(data as Buffer, { binary: isBinary })
      })
      socket.on('ping', () => messages === 2 && socket.close(1000))
    })
    const { code, stdout, stderr } = await run(['ws', server.url, '--stats', '--listen'], 'four\nsixsix\n')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'four\nsixsix\n' })
    expect(stderr).toMatch(/^received 2 messages, 10 B in \d+\.\d s: .* msg\/s, .*B\/s\nsent 2 messages, 10 B\nsize p50 4 B, p99 6 B, max 6 B\n/)
    expect(stderr).toMatch(/\nround trip of a ping p50 \S+ ms, p99 \S+ ms, max \S+ ms, of \d\n$/)
  })
})

describe('--deflate', () => {
  const line = '{"price":67123.45,"size":1.25}'.repeat(100)
  const echo = (socket: WebSocket): void => void socket.on('message', (data) => socket.send(String(data)))

  test('offers compression; --stats shows its ratio, --verbose what was agreed on', async () => {
    const server = await serve(echo, undefined, true)
    const { code, stdout, stderr } = await run(['ws', server.url, '--deflate', '--stats', '-v', '-n', '2'], `${line}\n${line}\n`)
    expect({ code, stdout: stdout === `${line}\n${line}\n` }).toEqual({ code: 0, stdout: true })
    expect(server.headers()['sec-websocket-extensions']).toBe('permessage-deflate; client_max_window_bits')
    expect(stderr).toContain(`connected to 127.0.0.1:${server.port}, permessage-deflate\n`)
    const [, wire, ratio] = /\ncompressed to (\d+) B, ratio (0\.\d{3}): permessage-deflate\n/.exec(stderr) ?? []
    expect(Number(wire)).toBeLessThan(200)
    expect(Number(ratio)).toBeCloseTo(Number(wire) / (2 * line.length), 3)
  })

  test('a server that does not want it: --stats says so', async () => {
    const server = await serve(echo)
    const { code, stdout, stderr } = await run(['ws', server.url, '--deflate', '--stats', '-n', '1'], 'one\n')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'one\n' })
    expect(stderr).toContain('\nnot compressed: the server does not want it\n')
  })

  test('nothing is offered without it', async () => {
    const server = await serve(echo, undefined, true)
    const { stderr } = await run(['ws', server.url, '--stats', '-n', '1'], 'one\n')
    expect(server.headers()['sec-websocket-extensions']).toBeUndefined()
    expect(stderr).not.toContain('compressed')
  })
})

describe('recordings', () => {
  test('--record has both directions in order, with times; --replay sends the same again', async () => {
    const file = bed.file('a.jsonl')
    const server = await serve()
    await run(['ws', server.url, '--record', file, '--count', '2'], 'one\ntwo\n')
    const entries = entriesOf(file)
    const messages = (dir: string): unknown[] => entries.filter((entry) => entry['dir'] === dir && entry['opcode'] === 'text').map(({ text }) => text)
    expect(messages('out')).toEqual(['one', 'two'])
    expect(messages('in')).toEqual(['one', 'two'])
    const times = entries.map(({ t }) => t as number)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(await run(['ws', server.url, '--replay', file, '--count', '2'])).toMatchObject({ code: 0, stdout: 'one\ntwo\n', stderr: '' })
  })

  test('--record has a close, with its code', async () => {
    const file = bed.file('close.jsonl')
    const server = await serve((socket) => {
      socket.ping('p')
      socket.close(4000, 'over')
    })
    await run(['ws', server.url, '--record', file, '--listen'])
    expect(entriesOf(file)).toEqual([
      { t: expect.any(Number), dir: 'in', opcode: 'ping', base64: 'cA==' },
      { t: expect.any(Number), dir: 'in', opcode: 'close', code: 4000, text: 'over' },
    ])
  })

  test('--record has what came before a failure', async () => {
    const file = bed.file('failed.jsonl')
    const server = await serve((socket) => {
      socket.send('before')
      socket.send('x'.repeat(20))
    })
    expect((await run(['ws', server.url, '--record', file, '--listen', '--max-size', '10'])).code).toBe(1)
    expect(entriesOf(file)).toEqual([{ t: expect.any(Number), dir: 'in', opcode: 'text', text: 'before' }])
  })

  test('--replay sends binary messages and pings, and nothing that was received', async () => {
    const file = bed.file('binary.jsonl')
    writeFileSync(
      file,
      [
        '{"t":0,"dir":"in","opcode":"text","text":"no"}',
        '{"t":0,"dir":"out","opcode":"ping","base64":"cA=="}',
        '{"t":1,"dir":"out","opcode":"binary","base64":"AAr/"}',
      ].join('\n'),
    )
    const seen: string[] = []
    const server = await serve((socket) => {
      socket.on('ping', (data) => seen.push(`ping ${data}`))
      socket.on('message', (data: Buffer, isBinary) => seen.push(`${isBinary} ${data.toString('hex')}`))
    })
    expect(await run(['ws', server.url, '--replay', file])).toMatchObject({ code: 0, stdout: '' })
    expect(await server.closed()).toBe(1000)
    expect(seen).toEqual(['ping p', 'true 000aff'])
  })

  test('--replay keeps the times, divided by --speed', async () => {
    const [slow, again, fast] = ['slow', 'again', 'fast'].map((name) => bed.file(`${name}.jsonl`)) as [string, string, string]
    writeFileSync(slow, '{"t":0,"dir":"out","opcode":"text","text":"a"}\n{"t":600,"dir":"out","opcode":"text","text":"b"}\n')
    const server = await serve()
    await run(['ws', server.url, '--replay', slow, '--record', again, '--count', '2'])
    await run(['ws', server.url, '--replay', slow, '--record', fast, '--count', '2', '--speed', '2'])
    const at = (file: string): number => entriesOf(file).find(({ dir, text }) => dir === 'out' && text === 'b')?.['t'] as number
    expect(at(again)).toBeGreaterThan(598)
    expect(at(fast)).toBeGreaterThan(298)
  })

  test('what is no recording is said, with its line', async () => {
    const file = bed.file('broken.jsonl')
    writeFileSync(file, '{"t":0,"dir":"out","opcode":"text","text":"a"}\nnot json\n')
    const server = await serve()
    const { code, stderr } = await run(['ws', server.url, '--replay', file])
    expect(code).toBe(2)
    expect(stderr).toContain(`--replay: line 2 of ${file} is not a line of a recording`)
    expect(await server.closed()).toBe(1000)
  })
})

describe('TLS and proxies', () => {
  test('--ca and --insecure connect; without them the certificate is rejected', async () => {
    const server = await serve(undefined, bed.certificates.server)
    const { code, stderr } = await run(['ws', server.url], 'a\n')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^nexus-async-net: CertificateRejected: /)
    expect(await run(['ws', server.url, '--ca', bed.file('ca.pem'), '-n', '1'], 'a\n')).toMatchObject({ code: 0, stdout: 'a\n' })
    expect(await run(['ws', server.url, '--insecure', '-n', '1'], 'a\n')).toMatchObject({ code: 0, stdout: 'a\n' })
  })

  test('--proxy', async () => {
    const server = await serve()
    const proxy = await startSocksProxy()
    try {
      expect(await run(['ws', server.url, '--proxy', `socks5://127.0.0.1:${proxy.port}`, '-n', '1'], 'a\n')).toMatchObject({ code: 0, stdout: 'a\n' })
    } finally {
      await proxy.close()
    }
  })
})

test('--heartbeat gives a silent server up', async () => {
  const server = await serve((socket) => (socket as unknown as { _socket: Socket })._socket.pause())
  const { code, stderr } = await run(['ws', server.url, '--listen', '--heartbeat', '100ms'])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^nexus-async-net: HeartbeatTimeout: /)
})
