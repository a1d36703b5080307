/** The counts themselves: against modules whose instructions can be counted by hand, and against what binaryen finds in the codec. */

import binaryen from 'binaryen'
import { describe, expect, test } from 'vitest'
import { instrument } from '../../bench/codec/counts.mjs'
import { CODEC_TEXT } from '../../src/codec/binary.ts'
import { codecBytes } from '../../src/codec/module.ts'

const names = { compiled: (index: number) => `f${index}`, source: (_offset: number, index: number) => `f${index}` }

/** A function `f` of `(param i32) (result i32)` that counts. */
function counted(text: string): { run: (value: number) => { result: number; instructions: number; copied: number } } {
  const tree = binaryen.parseText(`(module (memory (import "env" "memory") 1) ${text})`)
  tree.setFeatures(binaryen.Features.All)
  const counting = instrument(tree.emitBinary(), names)
  tree.dispose()
  const memory = new WebAssembly.Memory({ initial: 1 })
  const exports = new WebAssembly.Instance(new WebAssembly.Module(counting.bytes), { env: { memory } }).exports
  const value = (name: string): WebAssembly.Global => exports[name] as WebAssembly.Global
  return {
    run(argument) {
      for (const { counter } of [...counting.regions, ...counting.sites]) value(counter).value = 0n
      const result = (exports['f'] as (argument: number) => number)(argument)
      let instructions = 0
      for (const { counter, instructions: own } of counting.regions) {
        instructions += Number(value(counter).value) * Object.values(own).reduce((sum, count) => sum + count, 0)
      }
      const copied = counting.sites.reduce((sum, { counter }) => sum + Number(value(counter).value), 0)
      return { result, instructions, copied }
    },
  }
}

describe('instructions are counted', () => {
  test('in a line', () => {
    // local.get, i32.const, i32.add
    const { run } = counted('(func (export "f") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))')
    expect(run(5)).toEqual({ result: 6, instructions: 3, copied: 0 })
  })

  test('in the arm of an if that is taken, and behind it', () => {
    // local.get, if; then i32.const, local.set (2), or i32.const, i32.const, i32.mul, local.set (4); then local.get
    const { run } = counted(`(func (export "f") (param i32) (result i32) (local i32)
      (if (local.get 0) (then (local.set 1 (i32.const 7))) (else (local.set 1 (i32.mul (i32.const 2) (i32.const 3)))))
      (local.get 1))`)
    expect(run(1)).toEqual({ result: 7, instructions: 5, copied: 0 })
    expect(run(0)).toEqual({ result: 6, instructions: 7, copied: 0 })
  })

  test('for each turn of a loop, up to the branch that leaves it', () => {
    // Each turn: local.get, i32.eqz, br_if; then local.get, local.get, i32.add, local.set, local.get, i32.const, i32.sub, local.set, br. Behind: local.get.
    const { run } = counted(`(func (export "f") (param i32) (result i32) (local i32)
      (block $out (loop $more
        (br_if $out (i32.eqz (local.get 0)))
        (local.set 1 (i32.add (local.get 1) (local.get 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br $more)))
      (local.get 1))`)
    expect(run(0)).toEqual({ result: 0, instructions: 3 + 1, copied: 0 })
    expect(run(10)).toEqual({ result: 55, instructions: 10 * 12 + 3 + 1, copied: 0 })
  })

  test('where a br_table leads', () => {
    // local.get, br_table; case 0: i32.const, return; case 1: nop, i32.const, return; default: i32.const
    const { run } = counted(`(func (export "f") (param i32) (result i32)
      (block $two (block $one (block $zero (br_table $zero $one $two (local.get 0)))
        (return (i32.const 10)))
        (nop) (return (i32.const 11)))
      (i32.const 12))`)
    expect(run(0)).toEqual({ result: 10, instructions: 4, copied: 0 })
    expect(run(1)).toEqual({ result: 11, instructions: 5, copied: 0 })
    expect(run(9)).toEqual({ result: 12, instructions: 3, copied: 0 })
  })

  test('in functions that are called, and behind the call', () => {
    // f: local.get, call, i32.const, i32.add; g: local.get, local.get, i32.mul
    const { run } = counted(`(func $g (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
      (func (export "f") (param i32) (result i32) (i32.add (call $g (local.get 0)) (i32.const 1)))`)
    expect(run(4)).toEqual({ result: 17, instructions: 7, copied: 0 })
  })

  test('in the middle of an expression, where a branch may leave it', () => {
    // i32.const, i32.const, local.get, br_if (it hands on one value, and the other is dropped); if it stays: i32.add
    const { run } = counted(`(func (export "f") (param i32) (result i32)
      (block $out (result i32) (i32.add (i32.const 1) (br_if $out (i32.const 2) (local.get 0)))))`)
    expect(run(0)).toEqual({ result: 3, instructions: 5, copied: 0 })
    expect(run(1)).toEqual({ result: 2, instructions: 4, copied: 0 })
  })

  test('once for a memory.copy or memory.fill, their bytes apart', () => {
    // twice three operands and the instruction, then i32.const, i32.load8_u
    const { run } = counted(`(func (export "f") (param i32) (result i32)
      (memory.fill (i32.const 0) (i32.const 9) (local.get 0))
      (memory.copy (i32.const 1000) (i32.const 0) (i32.const 5))
      (i32.load8_u (i32.const 1001)))`)
    expect(run(300)).toEqual({ result: 9, instructions: 10, copied: 305 })
  })
})

test('the codec has as many as binaryen finds in it', () => {
  const tree = binaryen.readBinary(codecBytes(CODEC_TEXT))
  // An expression of its text begins with a bracket; the words below begin other things, blocks and loops among them, which mark places.
  const code = tree.emitText().replace(/^ \((?:data|export|import|memory|type) .*$/gm, '')
  const expected = [...code.matchAll(/\((?!(?:module|func|param|result|local|block|loop|then|else)\b(?!\.))/g)].length
  expect(instrument(tree.emitBinary(), names).instructions).toBe(expected)
  tree.dispose()
})
