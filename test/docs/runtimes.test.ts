/** The tables of docs/runtimes.md, cell by cell, against what each runtime does. */

import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates } from '../helpers/certificates.ts'
import { Child, commands } from '../integration/child.ts'
import { Workerd } from '../workerd/serve.ts'
import { type ProbeOrder, type ProbeReport, probe } from './probe.ts'

const page = readFileSync(new URL('../../docs/runtimes.md', import.meta.url), 'utf8')
const RUNTIMES = ['Node', 'Deno', 'Bun', 'workerd'] as const

/** The rows of the table below a heading: the first cell, and one for each runtime. */
function tableOf(heading: string): [name: string, ...cells: string[]][] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const [text = ''] = section.split(/^## /m)
  const [head = [], ...rows] = [...text.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split(' | '))
  expect(head.slice(1)).toEqual(RUNTIMES)
  return rows as [string, ...string[]][]
}

const options = tableOf('Options')
const entries = tableOf('What each entry has')
/** Every name of the table of entries. */
const names = entries.flatMap(([first]) => [...first.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))

let server: Server
let order: ProbeOrder
beforeAll(async () => {
  const { ca, client } = await makeCertificates()
  server = createServer((_, response) => response.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  order = { port: (server.address() as AddressInfo).port, ca, ...client, names }
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** How each runtime is asked. */
const asked: Record<(typeof RUNTIMES)[number], () => Promise<ProbeReport>> = {
  Node: async () => {
    const load = (name: string): Promise<never> => import(new URL(`../../dist/${name}.js`, import.meta.url).href) as Promise<never>
    return probe(await load('node'), await load('testing'), order)
  },
  Deno: () => askChild('Deno'),
  Bun: () => askChild('Bun'),
  workerd: async () => {
    const workerd = await Workerd.start(new URL('probe-worker.ts', import.meta.url), order.ca)
    try {
      const response = await fetch(workerd.url, { method: 'POST', body: JSON.stringify(order) })
      const text = await response.text()
      expect(response.status, text + workerd.log).toBe(200)
      return JSON.parse(text) as ProbeReport
    } finally {
      await workerd.stop()
    }
  },
}

async function askChild(runtime: 'Deno' | 'Bun'): Promise<ProbeReport> {
  const child = new Child(commands[runtime], new URL('run-probe.ts', import.meta.url), [runtime.toLowerCase(), JSON.stringify(order)])
  try {
    return (await child.next()) as ProbeReport
  } finally {
    await child.stop()
  }
}

describe.each(RUNTIMES.map((runtime, i) => [runtime, i] as const))('on %s', (runtime, column) => {
  let report: ProbeReport
  beforeAll(async () => {
    report = await asked[runtime]()
  })

  test('every option is taken or refused as the table says', () => {
    expect(report.options).toEqual(Object.fromEntries(options.map(([name, ...cells]) => [name, cells[column]])))
  })

  test('the entry has what the table says', () => {
    const said = entries.flatMap(([first, ...cells]) =>
      cells[column] === 'yes' ? [...first.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name) : [],
    )
    expect(report.names).toEqual(said)
    expect(new Set(entries.map((cells) => cells[column + 1]))).toEqual(new Set(['yes', 'no']))
  })
})
