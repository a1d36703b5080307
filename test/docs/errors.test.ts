import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readSources } from '../structure/source.ts'

// docs/errors.md has one entry for each code that the package can give, in the section of its class, and none for another.

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const declarations = readFileSync(new URL('../../src/errors.ts', import.meta.url), 'utf8')

/** Each union `export type XCode = 'A' | 'B'`: the compiler lets no class throw what is not in its own. */
const codes: Record<string, string[]> = Object.fromEntries(
  [...declarations.matchAll(/^export type (\w+)Code =([\s|']*(?:'\w+'[\s|]*)+)/gm)].map(([, name = '', union = '']) => [
    name,
    [...union.matchAll(/'(\w+)'/g)].map(([, code = '']) => code),
  ]),
)
const faults: Record<string, string> = Object.fromEntries(
  [...declarations.matchAll(/^export class (\w+) extends NexusError \{\n {2}readonly fault(?:: Fault| = '(\w+)')/gm)].map(([, name = '', fault]) => [
    name,
    fault ?? 'varies',
  ]),
)

/** The rows of the tables below a heading, up to the next one. */
function rowsOf(heading: string): string[][] {
  const [, section = ''] = page.split(new RegExp(`^## ${heading}$`, 'm'))
  const [text = ''] = section.split(/^## /m)
  return [...text.matchAll(/^\| (.*) \|$/gm)].map(([, row = '']) => row.split(' | '))
}

/** The codes that a section has entries for. */
const entriesOf = (name: string): string[] => rowsOf(name).flatMap(([first = '']) => /^`(\w+)`$/.exec(first)?.[1] ?? [])

test('the unions are where this test looks for them: one for each class', () => {
  expect(Object.keys(codes).sort()).toEqual(Object.keys(faults).sort())
  expect(Object.keys(codes)).toHaveLength([...declarations.matchAll(/extends NexusError\b/g)].length)
  expect(Object.values(codes).flat().length).toBeGreaterThan(90)
  for (const union of Object.values(codes)) expect(new Set(union).size).toBe(union.length)
})

test('every class has its row, with its fault and a link to its section', () => {
  const rows = rowsOf('Classes').flatMap(([link = '', fault = '']) => {
    const [, name, anchor] = /^\[`(\w+)`\]\(#(\w+)\)$/.exec(link) ?? []
    return name === undefined ? [] : [[name, anchor, fault.replaceAll('`', '')]]
  })
  expect(rows.sort()).toEqual(
    Object.entries(faults)
      .map(([name, fault]) => [name, name.toLowerCase(), fault])
      .sort(),
  )
})

describe.each(Object.keys(codes))('%s', (name) => {
  test('has exactly one entry for each of its codes, in their order', () => {
    expect(entriesOf(name)).toEqual(codes[name])
  })

  test('has no code that nothing gives', () => {
    // Those two list codes that others give.
    const others = new Set(['src/errors.ts', 'src/ws/sessions.ts', 'src/rest/shared/failures.ts'])
    const givers = readSources('src').filter(({ path, text }) => !others.has(path) && new RegExp(`\\b${name}`, 'i').test(text))
    for (const code of codes[name] as string[]) expect(givers.find(({ text }) => text.includes(`'${code}'`))?.path, code).toBeDefined()
  })
})

test('the codes that the page says belong to two classes are those that do', () => {
  const all = Object.values(codes).flat()
  const twice = [...new Set(all.filter((code, i) => all.indexOf(code) !== i))]
  const [, said = ''] = /A few codes belong to two classes\n\(([^)]*)\)/.exec(page) ?? []
  expect([...said.matchAll(/`(\w+)`/g)].map(([, code]) => code).sort()).toEqual(twice.sort())
})

describe('the closeCode of a ProtocolError', () => {
  const source = readFileSync(new URL('../../src/codec/ws/protocol-error.ts', import.meta.url), 'utf8')
  const numbers: Record<string, string> = { Protocol: '1002', InvalidPayload: '1007', MessageTooBig: '1009' }
  const given = Object.fromEntries(
    [...source.matchAll(/new ProtocolError\(\s*'(\w+)'[\s\S]*?CloseCode\.(\w+)/g)].map(([, code = '', closeCode = '']) => [code, numbers[closeCode]]),
  )
  test.each(codes['ProtocolError'] as string[])('of %s', (code) => {
    expect(rowsOf('ProtocolError').find(([first]) => first === `\`${code}\``)?.[1]).toBe(given[code])
  })
})
