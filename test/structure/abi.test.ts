/** assembly/abi.ts is the one place for what the codec and its faces share, and both compilers hold them to it. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'
import { describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { linear } from '../reference/linear.ts'
import { nodesOf, parse, readSources, ts } from './source.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const source = readFileSync(new URL('../../assembly/abi.ts', import.meta.url), 'utf8')
const names = Object.keys(abi)

test('the binary speaks the ABI of these sources', () => {
  expect(linear().codec.abiVersion()).toBe(abi.ABI_VERSION)
})

test('the file holds numeric constants, and nothing else', () => {
  expect(names.length).toBeGreaterThan(60)
  for (const [name, value] of Object.entries(abi)) {
    expect(name).toMatch(/^[A-Z][A-Z0-9_]*$/)
    expect(Number.isInteger(value), name).toBe(true)
  }
  const tree = parse(source)
  for (const statement of tree.statements) expect(statement.getText(tree)).toMatch(/^export const [A-Z0-9_]+ = -?\d+;?$/)
})

test('no other source declares one of its names', () => {
  const declared = readSources('src', 'assembly')
    .filter(({ path }) => path !== 'assembly/abi.ts')
    .flatMap(({ path, text }) =>
      declaredNames(text)
        .filter((name) => names.includes(name))
        .map((name) => `${path} declares ${name}`),
    )
  expect(declared).toEqual([])
})

test('every name is used by the codec or by its faces', () => {
  const used = new Set(
    readSources('src', 'assembly')
      .filter(({ path }) => path !== 'assembly/abi.ts')
      .flatMap(({ text }) => [...nodesOf(parse(text))].filter(ts.isIdentifier).map((node) => node.text)),
  )
  expect(names.filter((name) => !used.has(name))).toEqual([])
})

/** Names of variables, enums and static fields, wherever they are declared. */
function declaredNames(text: string): string[] {
  return [...nodesOf(parse(text))].flatMap((node) => {
    const declares = ts.isVariableDeclaration(node) || ts.isEnumDeclaration(node) || ts.isPropertyDeclaration(node)
    return declares && ts.isIdentifier(node.name) ? [node.name.text] : []
  })
}

describe('numbers that must be told apart are', () => {
  test.each([
    'ERROR_',
    'STATE_',
    'OPCODE_',
    'ROLE_',
    'READER_(?!BYTES)',
    'HEAD_(?!RECORD_BYTES)',
    'BODY_',
    'METHOD_',
    'CONNECTION_',
    'HTTP_ERROR_',
    'CHUNKED_(?!BYTES)',
    'CHUNKS_',
    'INCOMING_(?:IDLE|IN_HEAD|IN_BODY|DONE|FAILED)$',
    'INCOMING_(?!BYTES|(?:IDLE|IN_HEAD|IN_BODY|DONE|FAILED)$)',
    'STEP_',
    'SEAL_',
    'DEFLATE_ERROR_',
    'DEFLATED_(?:RAW|GZIP|ZLIB)$',
    'INFLATE_(?:MORE|FULL|DONE|FAILED)$',
    'INFLATE_(?!BYTES|(?:MORE|FULL|DONE|FAILED)$)',
    'COMPRESS_(?!BYTES)',
    'FLUSH_',
    'DEFLATE_(?:MORE|FULL|DONE)$',
  ])('%s', (pattern) => {
    const group = Object.entries(abi).filter(([name]) => new RegExp(`^${pattern}`).test(name))
    // HEAD_INCOMPLETE, MALFORMED and TOO_MANY are results, HEAD_FIELDS and so on are offsets.
    const results = group.filter(([name]) => /^HEAD_(?:INCOMPLETE|MALFORMED|TOO_MANY_FIELDS)$/.test(name))
    const rest = group.filter((entry) => !results.includes(entry))
    for (const part of [results, rest]) expect(new Set(part.map(([, value]) => value)).size).toBe(part.length)
    expect(group.length).toBeGreaterThan(1)
  })
  test('descriptor kinds are the message opcodes and the three for parts', () => {
    const kinds = [
      abi.OPCODE_TEXT,
      abi.OPCODE_BINARY,
      abi.OPCODE_CLOSE,
      abi.OPCODE_PING,
      abi.OPCODE_PONG,
      abi.KIND_PART,
      abi.KIND_END_TEXT,
      abi.KIND_END_BINARY,
    ]
    expect(new Set(kinds).size).toBe(8)
    for (const kind of kinds) expect(kind & abi.DESCRIPTOR_KIND_MASK).toBe(kind)
    expect(abi.DESCRIPTOR_ASCII & abi.DESCRIPTOR_KIND_MASK).toBe(0)
    expect(abi.DESCRIPTOR_ASCII).toBeLessThan(1 << abi.DESCRIPTOR_LENGTH_SHIFT)
  })
})

/** Compiles a binary with this text in place of abi.ts; returns what the compiler said. */
async function compile(abiText: string, entry = 'assembly/index.ts'): Promise<{ ok: boolean; said: string }> {
  const stderr = asc.createMemoryStream()
  const { error } = await asc.main(
    [entry, '--noEmit', '--runtime', 'stub', '--noAssert', '--use', 'abort=', '--importMemory', '--enable', 'simd', '--memoryBase', '64', '-O0'],
    {
      stdout: asc.createMemoryStream(),
      stderr,
      readFile: (name: string, baseDir: string) => {
        if (name.replaceAll('\\', '/') === 'assembly/abi.ts') return abiText
        try {
          return readFileSync(new URL(name, `file://${baseDir === '.' ? root : `${baseDir}/`}`), 'utf8')
        } catch {
          return null
        }
      },
      writeFile: () => {},
      listFiles: () => [],
      reportDiagnostic: undefined,
    },
  )
  return { ok: error === null, said: stderr.toString() }
}

const DEFLATE = 'assembly/deflate/index.ts'

describe('the compiler', () => {
  test('takes the sources as they are', { timeout: 60_000 }, async () => {
    expect(await compile(source)).toEqual({ ok: true, said: '' })
    expect(await compile(source, DEFLATE)).toEqual({ ok: true, said: '' })
  })
  test.each([
    ['READER_HEAD', 'the Reader record'],
    ['READER_MAX_MESSAGE', 'the Reader record'],
    ['READER_BYTES', 'the Reader record'],
    ['HEAD_STATUS', 'the Head record'],
    ['HEAD_RECORD_BYTES', 'the Head record'],
    ['CHUNKED_INPUT', 'the Chunked record'],
    ['INCOMING_DATA', 'the Incoming record'],
    ['INFLATE_FLOOR', 'the Inflate record', DEFLATE],
    ['INFLATE_BYTES', 'the Inflate record', DEFLATE],
    ['COMPRESS_HASHES', 'the Compress record', DEFLATE],
    ['COMPRESS_BYTES', 'the Compress record', DEFLATE],
    ['DEFLATE_TABLES_BYTES', 'the tables of deflate', DEFLATE],
  ])('refuses an abi.ts whose %s is wrong', { timeout: 60_000 }, async (name, record, entry = 'assembly/index.ts') => {
    const tampered = source.replace(new RegExp(`(export const ${name} = )(\\d+)`), (_, before, value) => `${before}${Number(value) + 4}`)
    expect(tampered).not.toBe(source)
    const { ok, said } = await compile(tampered, entry)
    expect(ok).toBe(false)
    expect(said).toContain(`assembly/abi.ts and ${record} differ`)
  })
})
