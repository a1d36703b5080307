// @ts-check
// Which function of assembly/ an instruction of the binary comes from, by the source map that the build keeps beside it: so code that the
// compiler has inlined into another function still goes on the account of the one that it was written in.

import { functionNames, withoutCustom } from './wasm.mjs'

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Segments of a source map with one line, as binaryen writes them: byte offset, source (-1 for none), line from 0. @param {string} mappings */
function segments(mappings) {
  const list = []
  let offset = 0
  let source = 0
  let line = 0
  for (const text of mappings.split(',')) {
    const numbers = []
    let value = 0
    let shift = 0
    for (const character of text) {
      const digit = DIGITS.indexOf(character)
      value |= (digit & 31) << shift
      shift += 5
      if (digit & 32) continue
      numbers.push(value & 1 ? -(value >>> 1) : value >>> 1)
      value = shift = 0
    }
    offset += numbers[0]
    if (numbers.length === 1) {
      list.push({ offset, source: -1, line: 0 })
      continue
    }
    source += numbers[1]
    line += numbers[2]
    list.push({ offset, source, line })
  }
  return list
}

/** First and last line of each function of a source file, from 0. @param {string} text */
function functionRanges(text) {
  const ranges = []
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    // At any depth: the standard library has functions in namespaces and classes.
    const found = /^(\s*)(?:export )?(?:declare )?(?:static )?(?:function )?([A-Za-z_]\w*)(?:<[^>]*>)?\(.*\{\s*$/.exec(lines[i])
    if (found === null || /^(?:if|for|while|switch|else|catch)$/.test(found[2])) continue
    const close = lines.indexOf(`${found[1]}}`, i)
    ranges.push({ from: i, to: close < 0 ? lines.length : close, name: found[2] })
  }
  return ranges
}

/** `assembly/ws/reader` and a name, as `ws/reader.name`. @param {string} path @param {string} name */
const shown = (path, name) => `${path.replace(/^assembly\//, '').replace(/\.ts$/, '')}.${name}`

/**
 * @param {Uint8Array} shipped the binary that counts are taken from
 * @param {Uint8Array} named the same with its name section
 * @param {{ sources: string[], sourcesContent: string[], mappings: string }} map
 */
export function sourceNames(shipped, named, map) {
  const stripped = withoutCustom(named)
  if (stripped.length !== shipped.length || stripped.some((byte, i) => byte !== shipped[i])) {
    throw new Error('build/codec.named.wasm is not the codec of these sources: npm run build:codec')
  }
  const names = functionNames(named)
  const compiled = (/** @type {number} */ index) => {
    const name = names.get(index) ?? `function ${index}`
    const slash = name.lastIndexOf('/')
    return slash < 0 ? name : shown(name.slice(0, slash), name.slice(slash + 1))
  }
  const list = segments(map.mappings)
  const ranges = map.sourcesContent.map(functionRanges)
  const source = (/** @type {number} */ offset, /** @type {number} */ index) => {
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (list[middle].offset <= offset) low = middle + 1
      else high = middle
    }
    const segment = list[low - 1]
    if (segment === undefined || segment.source < 0) return compiled(index)
    const range = ranges[segment.source].findLast(({ from, to }) => from <= segment.line && segment.line <= to)
    // A constant stands outside of functions; what uses it is what it costs.
    return range === undefined ? compiled(index) : shown(map.sources[segment.source], range.name)
  }
  return { compiled, source }
}
