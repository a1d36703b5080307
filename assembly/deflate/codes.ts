// Huffman codes as tables (RFC 1951 section 3.2): what decoding looks symbols up in.
//
// Tables are a cache whose key is the code lengths that they were made of. They hold no state of any decoder, so all decoders of a thread can
// share one set: who goes on in the middle of a block has the lengths, and makes the tables again when another decoder has used them meanwhile.
//
//   0      8,192   CRC-32, eight tables of 256 words
//   8,192  2,048   literals and lengths of the fixed code
//  10,240    128   distances of the fixed code
//  10,368  9,408   literals and lengths of the last dynamic code: at most 2,342 words
//  19,776  1,664   distances of it: at most 402 words
//  21,440    512   the code of the code lengths
//  21,952    320   the key: the lengths that the tables of the last dynamic code were made of
//  22,272     64   whether there is a key, and bits of both tables
//  22,336    704   working memory: symbols by code length, and the counts and places of each length
//  23,040    128   the end of an input, with zeros behind it
//  23,168  1,280   the fixed code, for writing: literals and lengths, distances
//
// An entry is a word:
//
//   bits 0 to 5    bits that it uses: of its code, and of the extra bits behind it
//   bit  7         it is a literal
//   bits 8 to 11   bits of its code
//   bit  12        none of the usual: with bit 13 another table, with bit 14 the end of the block, with neither of them a code that is not one
//   bits 16 to 31  the literal; the least length or distance; the index of the other table, its bits in bits 8 to 11

import { DEFLATE_TABLES_BYTES } from "../abi";

export const LITERAL: u32 = 0x80;
export const SPECIAL: u32 = 0x1000;
export const ANOTHER_TABLE: u32 = 0x2000;
export const END_OF_BLOCK: u32 = 0x4000;

export const TABLE_FIXED_LITERALS: usize = 8192;
export const TABLE_FIXED_DISTANCES: usize = 10240;
export const TABLE_LITERALS: usize = 10368;
export const TABLE_DISTANCES: usize = 19776;
export const TABLE_PRECODE: usize = 21440;
export const TABLE_KEY: usize = 21952;
export const TABLE_STATE: usize = 22272;
export const TABLE_SORTED: usize = 22336; // 288 half-words
const TABLE_COUNTS: usize = 22912; // 16 words
const TABLE_PLACES: usize = 22976; // 16 words
export const TABLE_TAIL: usize = 23040;
export const TABLE_FIXED_CODES: usize = 23168;
const TABLES_END: usize = 24448;

/** Symbols of the two codes, with those that may not occur. */
export const LITERAL_SYMBOLS: u32 = 288;
export const DISTANCE_SYMBOLS: u32 = 32;
/** Bytes of the code lengths of both; no head of a block can name more (286 and 30). */
export const LENGTHS_BYTES: usize = 320;
export const FIXED_LITERAL_BITS: u32 = 9;
export const FIXED_DISTANCE_BITS: u32 = 5;
export const PRECODE_BITS: u32 = 7;
const DISTANCE_BITS: u32 = 8;

/** The order of the lengths of the code lengths' code (RFC 1951 section 3.2.7). */
// prettier-ignore
export const PRECODE_ORDER: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

/** For the symbols from 256 on, an entry without its code: the end, 29 lengths, two that may not occur. */
// prettier-ignore
const LENGTHS: usize = memory.data<u32>([
  0x5000, 0x30000, 0x40000, 0x50000, 0x60000, 0x70000, 0x80000, 0x90000, 0xa0000, 0xb0001, 0xd0001, 0xf0001, 0x110001, 0x130002, 0x170002,
  0x1b0002, 0x1f0002, 0x230003, 0x2b0003, 0x330003, 0x3b0003, 0x430004, 0x530004, 0x630004, 0x730004, 0x830005, 0xa30005, 0xc30005, 0xe30005,
  0x1020000, 0x1000, 0x1000,
]);

/** The same for distances: 30, and two that may not occur. */
// prettier-ignore
const DISTANCES: usize = memory.data<u32>([
  0x10000, 0x20000, 0x30000, 0x40000, 0x50001, 0x70001, 0x90002, 0xd0002, 0x110003, 0x190003, 0x210004, 0x310004, 0x410005, 0x610005,
  0x810006, 0xc10006, 0x1010007, 0x1810007, 0x2010008, 0x3010008, 0x4010009, 0x6010009, 0x801000a, 0xc01000a, 0x1001000b, 0x1801000b,
  0x2001000c, 0x3001000c, 0x4001000d, 0x6001000d, 0x1000, 0x1000,
]);

// What the entries of a table stand for.
const OF_LITERALS: u32 = 0;
const OF_DISTANCES: u32 = 1;
const OF_PRECODE: u32 = 2;

/** Compile-time proof that the tables are as large as abi.ts says. */
export function checkTablesLayout(): void {
  if (TABLES_END != DEFLATE_TABLES_BYTES) ERROR("assembly/abi.ts and the tables of deflate differ");
}

/** Code lengths of the fixed code (RFC 1951 section 3.2.6). */
export function fixedLengths(lengths: usize): void {
  memory.fill(lengths, 8, 144);
  memory.fill(lengths + 144, 9, 112);
  memory.fill(lengths + 256, 7, 24);
  memory.fill(lengths + 280, 8, 8);
  memory.fill(lengths + LITERAL_SYMBOLS, 5, DISTANCE_SYMBOLS);
}

/** Makes memory into tables: the fixed code, and no dynamic one yet. */
export function resetTables(tables: usize): void {
  const lengths = tables + TABLE_KEY;
  fixedLengths(lengths);
  makeTable(tables, lengths, LITERAL_SYMBOLS, tables + TABLE_FIXED_LITERALS, FIXED_LITERAL_BITS, OF_LITERALS);
  makeTable(tables, lengths + LITERAL_SYMBOLS, DISTANCE_SYMBOLS, tables + TABLE_FIXED_DISTANCES, FIXED_DISTANCE_BITS, OF_DISTANCES);
  store<u32>(tables + TABLE_STATE, 0);
}

/** Bits of the first table of the last dynamic code. */
// @ts-ignore: decorator
@inline
export function literalBits(tables: usize): u32 {
  return load<u32>(tables + TABLE_STATE, 4);
}

// @ts-ignore: decorator
@inline
export function distanceBits(tables: usize): u32 {
  return load<u32>(tables + TABLE_STATE, 8);
}

/** The tables are those of these lengths. */
function isKey(tables: usize, lengths: usize): bool {
  if (load<u32>(tables + TABLE_STATE) == 0) return false;
  let same = v128.splat<i8>(-1);
  for (let i: usize = 0; i < LENGTHS_BYTES; i += 16) {
    same = v128.and(same, v128.eq<i8>(v128.load(tables + TABLE_KEY + i), v128.load(lengths + i)));
  }
  return v128.all_true<i8>(same);
}

/** What {@link useLengths} says. */
export const CODES_MADE: u32 = 0;
export const LITERALS_WRONG: u32 = 1;
export const DISTANCES_WRONG: u32 = 2;

/**
 * Sees to it that the tables are those of these code lengths: 288 of literals and lengths, then 32 of distances.
 *
 * @param literals bits of the first table, at most; more is quicker in use and slower to make. 11 at the most
 */
export function useLengths(tables: usize, lengths: usize, literals: u32): u32 {
  if (isKey(tables, lengths)) return CODES_MADE;
  store<u32>(tables + TABLE_STATE, 0);
  const bits = makeTable(tables, lengths, LITERAL_SYMBOLS, tables + TABLE_LITERALS, literals, OF_LITERALS);
  if (bits == 0) return LITERALS_WRONG;
  const more = makeTable(tables, lengths + LITERAL_SYMBOLS, DISTANCE_SYMBOLS, tables + TABLE_DISTANCES, DISTANCE_BITS, OF_DISTANCES);
  if (more == 0) return DISTANCES_WRONG;
  for (let i: usize = 0; i < LENGTHS_BYTES; i += 16) v128.store(tables + TABLE_KEY + i, v128.load(lengths + i));
  store<u32>(tables + TABLE_STATE, 1);
  store<u32>(tables + TABLE_STATE, bits, 4);
  store<u32>(tables + TABLE_STATE, more, 8);
  return CODES_MADE;
}

/** The table of the code lengths' own code, from 32 lengths of which 19 count. False for what is no complete code. */
export function makePrecode(tables: usize, lengths: usize): bool {
  // Of 7 bits always, as the code has no more.
  const table = tables + TABLE_PRECODE;
  let bits = makeTable(tables, lengths, 32, table, PRECODE_BITS, OF_PRECODE);
  if (bits == 0) return false;
  for (; bits < PRECODE_BITS; bits++) double(table, bits);
  return true;
}

/** Repeats the first 2^bits entries behind themselves. */
// @ts-ignore: decorator
@inline
function double(table: usize, bits: u32): void {
  const bytes: usize = 4 << bits;
  if (bits < 2) {
    if (bits == 0) store<u32>(table, load<u32>(table), 4);
    else store<u64>(table, load<u64>(table), 8);
    return;
  }
  for (let i: usize = 0; i < bytes; i += 16) v128.store(table + bytes + i, v128.load(table + i));
}

/** An entry for a symbol whose code has `bits`. */
// @ts-ignore: decorator
@inline
function entryOf(symbol: u32, bits: u32, kind: u32): u32 {
  let entry: u32;
  if (kind == OF_PRECODE) entry = (symbol << 16) + (symbol < 16 ? 0 : symbol == 18 ? 7 : symbol - 14);
  else if (kind == OF_DISTANCES) entry = load<u32>(DISTANCES + ((<usize>symbol) << 2));
  else entry = symbol < 256 ? (symbol << 16) | LITERAL : load<u32>(LENGTHS + ((<usize>symbol - 256) << 2));
  return entry + bits * 0x101;
}

/**
 * Makes the table of a canonical code, and behind it those for codes that are longer than `most` bits; `count` is a multiple of 16. Codes are
 * stored with their first bit lowest, so they are made in the order of their reversed bits, and a table doubles when codes get longer.
 *
 * Returns the bits of the first table, or 0 when the lengths are no code: over-subscribed, or incomplete. As in zlib, one code of one bit may
 * stand alone, and so may none for distances; that which is missing is an error when it occurs.
 */
function makeTable(tables: usize, lengths: usize, count: u32, table: usize, most: u32, kind: u32): u32 {
  const counts = tables + TABLE_COUNTS;
  const places = tables + TABLE_PLACES;
  const sorted = tables + TABLE_SORTED;
  for (let i: usize = 0; i < 64; i += 16) v128.store(counts + i, i32x4.splat(0));
  for (let from: u32 = 0; from < count; from += 16) {
    const some = v128.load(lengths + from);
    let used = 0xffff & ~i8x16.bitmask(v128.eq<i8>(some, i8x16.splat(0)));
    while (used != 0) {
      const at = counts + ((<usize>load<u8>(lengths + from + ctz(used))) << 2);
      store<u32>(at, load<u32>(at) + 1);
      used &= used - 1;
    }
  }
  let least: u32 = 1;
  while (least < 16 && load<u32>(counts + ((<usize>least) << 2)) == 0) least++;
  if (least == 16) {
    if (kind != OF_DISTANCES) return 0;
    store<u32>(table, SPECIAL | 0x101);
    store<u32>(table, SPECIAL | 0x101, 4);
    return 1;
  }
  let longest: u32 = 15;
  while (load<u32>(counts + ((<usize>longest) << 2)) == 0) longest--;
  let left: i32 = 1;
  let place: u32 = 0;
  for (let bits: u32 = 1; bits <= longest; bits++) {
    const many = load<u32>(counts + ((<usize>bits) << 2));
    store<u32>(places + ((<usize>bits) << 2), place);
    place += many;
    left = (left << 1) - many;
    if (left < 0) return 0;
  }
  if (left > 0 && (longest != 1 || kind == OF_PRECODE)) return 0;
  for (let from: u32 = 0; from < count; from += 16) {
    const some = v128.load(lengths + from);
    let used = 0xffff & ~i8x16.bitmask(v128.eq<i8>(some, i8x16.splat(0)));
    while (used != 0) {
      const symbol = from + ctz(used);
      const at = places + ((<usize>load<u8>(lengths + symbol)) << 2);
      const to = load<u32>(at);
      store<u32>(at, to + 1);
      store<u16>(sorted + ((<usize>to) << 1), <u16>symbol);
      used &= used - 1;
    }
  }
  if (left > 0) {
    store<u32>(table, entryOf(load<u16>(sorted), 1, kind));
    store<u32>(table, SPECIAL | 0x101, 4);
    return 1;
  }

  const primary = min(most, longest);
  let next = sorted;
  let bits = least;
  let many = load<u32>(counts + ((<usize>bits) << 2));
  let code: u32 = 0;
  let end: u32 = 1 << min(bits, primary);
  while (bits <= primary) {
    do {
      store<u32>(table + ((<usize>code) << 2), entryOf(load<u16>(next), bits, kind));
      next += 2;
      if (code == end - 1) {
        for (; bits < primary; bits++) double(table, bits);
        return primary;
      }
      const bit: u32 = 1 << (31 - clz(code ^ (end - 1)));
      code = (code & (bit - 1)) | bit;
    } while (--many != 0);
    do {
      if (bits < primary) {
        double(table, bits);
        end <<= 1;
      }
      bits++;
      many = load<u32>(counts + ((<usize>bits) << 2));
    } while (many == 0);
  }

  end = 1 << primary;
  let prefix: u32 = -1;
  let start: u32 = 0;
  for (;;) {
    if ((code & ((1 << primary) - 1)) != prefix) {
      prefix = code & ((1 << primary) - 1);
      start = end;
      let deep = bits - primary;
      let space = many;
      while (space < <u32>(1 << deep)) {
        deep++;
        space = (space << 1) + load<u32>(counts + ((<usize>(primary + deep)) << 2));
      }
      end = start + (1 << deep);
      store<u32>(table + ((<usize>prefix) << 2), (start << 16) | SPECIAL | ANOTHER_TABLE | (deep << 8) | primary);
    }
    const entry = entryOf(load<u16>(next), bits, kind);
    next += 2;
    const stride: u32 = 1 << (bits - primary);
    for (let i = start + (code >> primary); i < end; i += stride) store<u32>(table + ((<usize>i) << 2), entry);
    if (code == <u32>(1 << bits) - 1) return primary;
    const bit: u32 = 1 << (31 - clz(code ^ ((1 << bits) - 1)));
    code = (code & (bit - 1)) | bit;
    many--;
    while (many == 0) many = load<u32>(counts + ((<usize>(++bits)) << 2));
  }
  return unreachable();
}
