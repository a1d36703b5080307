import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { nodesOf, parse, readSources, ts } from '../structure/source.ts'

// docs/errors.md has one entry for each code that the package can give, in the section of its class, and none for another.

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const declarations = treeOf('src/errors.ts')

function treeOf(path: string): ts.SourceFile {
  return parse(readSources(path)[0]?.text as string)
}

/** Each union `export type XCode = 'A' | 'B'`: the compiler lets no class throw what is not in its own. */
const codes: Record<string, string[]> = Object.fromEntries(
  declarations.statements.filter(ts.isTypeAliasDeclaration).flatMap(({ name: { text }, type }) => {
    if (!text.endsWith('Code') || !ts.isUnionTypeNode(type)) return []
    return [[text.slice(0, -'Code'.length), type.types.map((each) => (each.getText(declarations) as string).slice(1, -1))]]
  }),
)
/** Of each class that can be thrown, whose fault it is. */
const faults: Record<string, string> = Object.fromEntries(
  declarations.statements.filter(ts.isClassDeclaration).flatMap(({ name, heritageClauses, members }) => {
    if (heritageClauses?.[0]?.types[0]?.getText(declarations) !== 'NexusError') return []
    const fault = members.find(
      (each): each is ts.PropertyDeclaration => ts.isPropertyDeclaration(each) && each.name.getText(declarations) === 'fault',
    )
    return [[name?.text as string, fault?.initializer?.getText(declarations).slice(1, -1) ?? 'varies']]
  }),
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
  expect(Object.keys(codes).length).toBeGreaterThan(7)
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
  const source = treeOf('src/codec/ws/protocol-error.ts')
  const numbers: Record<string, string> = { Protocol: '1002', InvalidPayload: '1007', MessageTooBig: '1009' }
  const made = [...nodesOf(source)].filter((node) => ts.isNewExpression(node) && node.expression.getText(source) === 'ProtocolError')
  const given = Object.fromEntries(
    made.map((node) => {
      const parts = [...nodesOf(node)]
      const code = parts.find(ts.isStringLiteral)?.text as string
      const closeCode = parts.find(
        (each): each is ts.PropertyAccessExpression => ts.isPropertyAccessExpression(each) && each.expression.getText(source) === 'CloseCode',
      )
      return [code, numbers[closeCode?.name.text as string]]
    }),
  )
  test.each(codes['ProtocolError'] as string[])('of %s', (code) => {
    expect(rowsOf('ProtocolError').find(([first]) => first === `\`${code}\``)?.[1]).toBe(given[code])
  })
})
