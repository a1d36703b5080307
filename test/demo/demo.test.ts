import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { demo, numbers, runtimes } from './run-demo.ts'

describe.each(runtimes)('the demo on %s', (...runtime) => {
  it('survives drops and gaps with the right books', async () => {
    const { code, out, err } = await demo(runtime, '--plain', '--seconds', '2')
    expect(out).toContain(`nexus-async-net · ${runtime[0]} `)
    const [messages] = numbers(out, /messages +([\d,]+) in /)
    expect(messages).toBeGreaterThan(1_000)
    const [reconnects, drops] = numbers(out, /reconnects +(\d+) after (\d+) drops/)
    expect(drops).toBe(2)
    expect(reconnects).toBe(drops)
    const [made, detected, repaired] = numbers(out, /gaps +(\d+) made, (\d+) detected, (\d+) repaired/)
    expect(made).toBe(3)
    expect([detected, repaired]).toEqual([made, made])
    expect(numbers(out, /books +(\d+) of (\d+) equal/)).toEqual([6, 6])
    expect(out).toMatch(/latency +p50 .+ · p99 .+ · p99\.9 /)
    expect(out).toContain('everything adds up')
    // Orders: each one is accounted for.
    const [orders, acknowledged, rejected, failed] = numbers(out, /orders +([\d,]+) in .+: ([\d,]+) acknowledged, (\d+) rejected, ([\d,]+) failed/)
    expect(acknowledged + rejected + failed).toBe(orders)
    expect(acknowledged).toBeGreaterThan(100)
    const [unsent, partly, fully] = numbers(out, /failed: ([\d,]+) with nothing sent, (\d+) partly, (\d+) fully sent/)
    expect(unsent + partly + fully).toBe(failed)
    expect(unsent).toBeGreaterThan(20)
    const [asked, booked, absent] = numbers(out, /asked about (\d+): (\d+) booked, (\d+) never arrived/)
    expect([asked, booked + absent]).toEqual([partly + fully, partly + fully])
    const [healed, lost] = numbers(out, /pool +(\d+) reconnects after (\d+) losses: median .+, longest \d{3} ms/)
    expect(healed).toBe(lost)
    const [killed, idle] = numbers(out, /killed (\d+) with an order in hand, (\d+) idle; gone for \d{3} ms/)
    expect(killed).toBe(6)
    expect(idle).toBeGreaterThan(0)
    expect(fully).toBeGreaterThanOrEqual(killed)
    expect(numbers(out, /ledger +(\d+) booked: (\d+) lost, (\d+) doubled, (\d+) swapped/)).toEqual([acknowledged + booked, 0, 0, 0])
    // A line a second, and nothing that only a terminal understands.
    expect(out).toMatch(/1\.\d\d s +[\d,]+ msg\/s/)
    expect(out).toMatch(/\d+ orders\/s +\d up/)
    expect(out).not.toContain('\x1b')
    expect(err).toBe('')
    expect(code).toBe(0)
  })

  it('does what its options say', async () => {
    const options = ['--seconds', '1', '--symbols', 'eth-usd,SOL-USD', '--rate', '2000', '--gaps', '4', '--drops', '0', '--seed', '7']
    const { code, out } = await demo(runtime, ...options)
    expect(out).toContain('2 symbols, 2,000 deltas/s, 300 orders/s, seed 7')
    expect(numbers(out, /gaps +(\d+) made, (\d+) detected, (\d+) repaired/)).toEqual([4, 4, 4])
    expect(numbers(out, /reconnects +(\d+) after (\d+) drops/)).toEqual([0, 0])
    expect(numbers(out, /(\d+) more were on their way/)).toEqual([0])
    expect(numbers(out, /books +(\d+) of (\d+) equal/)).toEqual([2, 2])
    expect(code).toBe(0)
  })

  it('compresses what the exchange sends, and gets the same books', async () => {
    const { code, out, err } = await demo(runtime, '--deflate', '--seconds', '1', '--orders', '0')
    const [, wire, ratio] = /\n +([\d.,]+ \w+) on the wire, (0\.\d{3}) of it\n/.exec(out) ?? []
    expect(wire).toBeDefined()
    expect(Number(ratio)).toBeLessThan(0.9)
    const [made, ...noticed] = numbers(out, /gaps +(\d+) made, (\d+) detected, (\d+) repaired/)
    expect(noticed).toEqual([made, made])
    expect(numbers(out, /books +(\d+) of (\d+) equal/)).toEqual([6, 6])
    expect([code, err]).toEqual([0, ''])
  })

  it('heeds the limit of orders, and loses none when nothing goes wrong', async () => {
    const options = ['--seconds', '1', '--orders', '800', '--limit', '100', '--kills', '0', '--outage', '0', '--drops', '0']
    const { code, out } = await demo(runtime, ...options)
    expect(out).toContain('800 orders/s')
    const [orders, acknowledged, rejected, failed] = numbers(out, /orders +(\d+) in .+: (\d+) acknowledged, (\d+) rejected, (\d+) failed/)
    // Two or three windows of a second.
    expect(acknowledged).toBeGreaterThanOrEqual(90)
    expect(acknowledged).toBeLessThanOrEqual(300)
    expect(rejected + failed).toBe(orders - acknowledged)
    expect(numbers(out, /heeded (\d+) time/)[0]).toBeGreaterThan(0)
    expect(numbers(out, /, (\d+) over the limit/)[0]).toBeGreaterThan(0)
    expect(numbers(out, /pool +(\d+) reconnects after (\d+) losses/)).toEqual([0, 0])
    expect(out).toContain('killed 0 with an order in hand, 0 idle; gone never')
    expect(code).toBe(0)
  })

  it('trades only when it shall', async () => {
    const { code, out } = await demo(runtime, '--seconds', '1', '--orders', '0')
    expect(out).not.toContain('orders')
    expect(out).toContain('everything adds up')
    expect(code).toBe(0)
  })

  it('explains itself', async () => {
    const { code, out, err } = await demo(runtime, '--help')
    expect(out).toContain('--symbols A,B')
    expect(out).toContain('Exit codes')
    expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThan(80)
    expect(err).toBe('')
    expect(code).toBe(0)
  })

  it.each([
    [['--rate', 'fast'], "--rate must be a whole number from 1 to 2000000, but is 'fast'"],
    [['--seconds', '0'], '--seconds must be'],
    [['--symbols', 'TULIP-NLG'], "'TULIP-NLG' is not traded here"],
    [['--send', '{}'], '--send needs --url'],
    [['--url', 'ws://127.0.0.1:1', '--gaps', '1'], '--gaps is for the built-in exchange'],
    [['--url', 'ws://127.0.0.1:1', '--orders', '1'], '--orders is for the built-in exchange'],
    [['--outage', '61'], '--outage must be a number from 0 to 60'],
    [['--url', 'nonsense'], '--url: '],
    [['--tulips'], '--tulips'],
  ])('refuses %j', async (options, message) => {
    const { code, out, err } = await demo(runtime, ...options)
    expect(err).toContain(message)
    expect(err).toContain('Try --help.')
    expect(out).not.toContain('Summary')
    expect(code).toBe(2)
  })
})

describe.each(runtimes)('the demo with --url on %s', (...runtime) => {
  let server: WebSocketServer
  let url: string

  beforeAll(async () => {
    server = new WebSocketServer({
      host: '127.0.0.1',
      port: 0,
      perMessageDeflate: { threshold: 0 },
      verifyClient: ({ req }: { req: IncomingMessage }) => req.url !== '/closed',
    })
    await once(server, 'listening')
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', (socket, request) => {
      socket.on('message', (data) => {
        for (let i = 1; i <= 100; i++) socket.send(`{"echo":${data},"n":${i}}`)
        socket.send(new Uint8Array([1, 2, 254, 255]))
        if (request.url === '/leaving') socket.close(1001, 'bye')
        if (request.url === '/crashing') socket.terminate()
      })
    })
  })

  afterAll(() => {
    server.close()
  })

  it('sends, shows the first messages, and counts the rest', async () => {
    const { code, out } = await demo(runtime, '--url', `${url}/feed`, '--send', '{"op":"subscribe"}', '--send', '"more"', '--seconds', '1.5')
    expect(out).toContain('connected in ')
    expect(out).toContain('→ {"op":"subscribe"}')
    expect(out).toMatch(/← text +33 B {2}\{"echo":\{"op":"subscribe"\},"n":1\}/)
    expect(out).not.toContain('"n":6}')
    expect(out).toMatch(/1\.\d\d s +202 msg\/s/)
    expect(numbers(out, /messages +(\d+) in /)).toEqual([202])
    expect(numbers(out, /sizes +(\d+) to (\d+) bytes/)).toEqual([4, 35])
    expect(out).toContain('ended       cleanly, code 1000')
    expect(code).toBe(0)
  })

  it('offers compression when it is told to', async () => {
    const { code, out } = await demo(runtime, '--url', `${url}/leaving`, '--send', '1', '--deflate')
    expect(out).toMatch(/connected in .+, permessage-deflate\n/)
    const [ratio] = numbers(out, /on the wire, (0\.\d{3}) of it/)
    expect(ratio).toBeLessThan(0.9)
    expect(numbers(out, /messages +(\d+) in /)).toEqual([101])
    expect(code).toBe(0)
  })

  it('reports how the server ended it', async () => {
    const { code, out } = await demo(runtime, '--url', `${url}/leaving`, '--send', '1')
    expect(out).toMatch(/← close +3 B {2}1001 bye/)
    expect(numbers(out, /messages +(\d+) in /)).toEqual([101])
    expect(out).toContain('ended       cleanly, code 1001')
    expect(code).toBe(0)
  })

  it('fails when the server is gone without a word', async () => {
    const { code, out } = await demo(runtime, '--url', `${url}/crashing`, '--send', '1')
    expect(out).toMatch(/ended +.+\((ConnectionClosed|ConnectionReset)\)/)
    expect(code).toBe(1)
  })

  it('fails when there is no connection, or no WebSocket', async () => {
    const refused = await demo(runtime, '--url', `${url}/closed`)
    expect(refused.out).toContain('UnexpectedStatus')
    expect(refused.out).toContain('401')
    expect(refused.code).toBe(1)
    const nobody = await demo(runtime, '--url', 'ws://127.0.0.1:1')
    expect(nobody.out).toContain('ConnectRefused')
    expect(nobody.code).toBe(1)
  })
})
