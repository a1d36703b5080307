/** The declarations that ship: what is absent is null. */

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { ts } from './source.ts'

const ENTRIES = fileURLToPath(new URL('../../dist/types/src/entry/', import.meta.url))

/** A send that has nothing to wait for; an option of a socket of workerd's, which we call. */
const UNDEFINED = [
  'WorkerdSocket.startTls(options).expectedServerHostname',
  ...['sendBinary', 'sendPing', 'sendPong', 'sendText'].map((name) => `WsStream.${name}()`),
]

interface Answer {
  readonly place: string
  readonly owner: ts.Symbol | undefined
}

/**
 * Members and results that can be undefined, of whatever a caller gets from these files: from constants, functions, getters and methods, and as arguments of
 * callbacks. Members of an interface that a caller may implement, or fill in as options, may be left out.
 */
function undefinedAnswers(files: readonly string[]): string[] {
  const program = ts.createProgram([...files], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    lib: ['lib.es2024.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts', 'lib.dom.asynciterable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
  })
  const checker = program.getTypeChecker()
  const isOurs = (symbol: ts.Symbol | undefined): boolean =>
    symbol?.declarations?.some((each) => !program.isSourceFileDefaultLibrary(each.getSourceFile())) === true
  const given = new Set<ts.Symbol>()
  const answers: Answer[] = []
  const seen = { answers: new Set<ts.Type>(), arguments: new Set<ts.Type>() }

  const visit = (type: ts.Type, isAnswer: boolean, place: string, owner?: ts.Symbol): void => {
    if (isAnswer && (type.flags & ts.TypeFlags.Undefined || (type.isUnion() && type.types.some(({ flags }) => flags & ts.TypeFlags.Undefined))))
      answers.push({ place, owner })
    const visited = isAnswer ? seen.answers : seen.arguments
    if (visited.has(type)) return
    visited.add(type)
    if (type.isUnionOrIntersection()) {
      for (const each of type.types) visit(each, isAnswer, place, owner)
      return
    }
    if (!(type.flags & ts.TypeFlags.Object)) return
    const { symbol } = type
    // What a generator is passed by `next`, and returns, is not for those who loop over it.
    const inside = checker.getTypeArguments(type as ts.TypeReference).slice(0, /^Async(?:Generator|Iter)/.test(symbol?.name ?? '') ? 1 : undefined)
    for (const each of inside) visit(each, isAnswer, place)
    for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()]) visitCall(signature, isAnswer, place)
    if (!isOurs(symbol)) return
    // Of a class, which we have made: its methods are called by the caller.
    if (!isAnswer && symbol.flags & ts.SymbolFlags.Class) return
    if (!isAnswer && symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeLiteral)) given.add(symbol)
    for (const member of type.getProperties()) {
      if (!isOurs(member) || member.name === 'prototype') continue
      const holder = symbol.flags & ts.SymbolFlags.TypeLiteral ? place : symbol.name
      visit(checker.getTypeOfSymbol(member), isAnswer, `${holder}.${member.name}`, parentOf(member))
    }
  }
  const parentOf = (member: ts.Symbol): ts.Symbol | undefined => {
    const holder = member.declarations?.[0]?.parent as (ts.Node & { symbol?: ts.Symbol }) | undefined
    return holder?.symbol
  }
  const visitCall = (signature: ts.Signature, isAnswer: boolean, place: string): void => {
    for (const parameter of signature.getParameters()) {
      const type = checker.getTypeOfSymbol(parameter)
      const isOptional = (parameter.valueDeclaration as ts.ParameterDeclaration | undefined)?.questionToken !== undefined
      visit(isOptional ? checker.getNonNullableType(type) : type, !isAnswer, `${place}(${parameter.name})`)
    }
    visit(signature.getReturnType(), isAnswer, `${place}()`)
  }

  for (const file of files) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile)
    for (const exported of module === undefined ? [] : checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      if (symbol.flags & ts.SymbolFlags.Class) visit(checker.getDeclaredTypeOfSymbol(symbol), true, symbol.name)
      if (symbol.flags & ts.SymbolFlags.Value) visit(checker.getTypeOfSymbol(symbol), true, symbol.name)
    }
  }
  const places = answers.filter(({ owner }) => owner === undefined || !given.has(owner)).map(({ place }) => place)
  return [...new Set(places)].sort()
}

const folder = mkdtempSync(join(tmpdir(), 'nexus-declarations-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('what is absent is null, wherever a caller can get it', () => {
  const entries = readdirSync(ENTRIES).filter((name) => /^(?:node|deno|bun|workerd|codec|testing)\.d\.ts$/.test(name))
  expect(entries.length).toBe(6)
  expect(undefinedAnswers(entries.map((name) => join(ENTRIES, name)))).toEqual(UNDEFINED)
})

test('… which is seen in members, results and arguments of callbacks, and not asked of what a caller passes', () => {
  const file = join(folder, 'sample.d.ts')
  writeFileSync(
    file,
    `export interface Options { limit?: number | undefined; onEvent?: ((event: Event) => void) | undefined }
     export interface Event { name?: string }
     export interface Given { size?: number }
     export declare class Maker { readonly found: string | undefined; find(options?: Options): Promise<string | undefined>; own(): Given; take(given: Given): void; [Symbol.asyncIterator](): AsyncGenerator<number, void, undefined> }
     export declare const make: (name?: string) => Maker | null`,
  )
  expect(undefinedAnswers([file])).toEqual(['Event.name', 'Maker.find()', 'Maker.found'])
})
