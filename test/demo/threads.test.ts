import { describe, expect, it } from 'vitest'
import { demo, numbers, runtimes } from './run-demo.ts'

describe.each(runtimes)('the demo with --threads on %s', (...runtime) => {
  it('accounts for each order of threads that are killed, and gets every slot back', { timeout: 60_000 }, async () => {
    const { code, out, err } = await demo(runtime, '--plain', '--threads', '4', '--seconds', '3', '--rate', '500', '--kills', '6', '--outage', '0.5')
    const [first = 0, second = 0, third = 0, fourth = 0] = numbers(
      out,
      /threads +4 strategies of (\d+) \+ (\d+) \+ (\d+) \+ (\d+) orders, all accounted for/,
    )
    const [killed = 0, busy = 0, back, slots] = numbers(out, /killed (\d+) threads?, (\d+) with orders in hand; (\d+) of (\d+) slots back/)
    expect(killed).toBeGreaterThan(0)
    expect(busy).toBeLessThanOrEqual(killed)
    expect([back, slots]).toEqual([4, 4])
    expect(out.match(/killed +the thread of strategy \d, with \d orders? in hand/g)).toHaveLength(killed)
    const [orders = 0, acknowledged = 0, rejected = 0, failed = 0] = numbers(
      out,
      /orders +([\d,]+) in .+: ([\d,]+) acknowledged, (\d+) rejected, ([\d,]+) failed/,
    )
    expect(acknowledged + rejected + failed).toBe(orders)
    const [unsent = 0] = numbers(out, /failed: ([\d,]+) with nothing sent/)
    // Those that found no slot in time were given to nobody.
    expect(first + second + third + fourth).toBeGreaterThanOrEqual(orders - unsent)
    const [booked, lost, doubled, swapped] = numbers(out, /ledger +(\d+) booked: (\d+) lost, (\d+) doubled, (\d+) swapped/)
    const [found = 0] = numbers(out, /asked about \d+: (\d+) booked/)
    expect([booked, lost, doubled, swapped]).toEqual([acknowledged + found, 0, 0, 0])
    expect(out).toContain('everything adds up')
    expect(err).toBe('')
    expect(code).toBe(0)
  })

  it('refuses more threads than it can show', async () => {
    const { code, err } = await demo(runtime, '--plain', '--threads', '17')
    expect(err).toContain("--threads must be a whole number from 0 to 16, but is '17'")
    expect(code).toBe(2)
  })
})
