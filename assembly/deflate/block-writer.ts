// A block, written in the shortest of the three ways (RFC 1951 section 3.2.3).

import {
  DISTANCE_SYMBOLS, fixedLengths, LENGTHS_BYTES, LITERAL_SYMBOLS, PRECODE_ORDER, TABLE_FIXED_CODES, TABLE_KEY, TABLE_SORTED,
} from "./codes";
import {
  beginBlock, CODE_LENGTHS, Compress, DISTANCE_CODES, DISTANCE_COUNTS, fillByte, hasRoom, LITERAL_CODES, LITERAL_COUNTS,
  PRECODE_CODES, PRECODE_COUNTS, PRECODE_LENGTHS, put, RUNS, SCRATCH,
} from "./compress-record";
import { makeCodes, makeLengths } from "./huffman";
import { distanceExtra, distanceSymbol, lengthExtra, lengthSymbol } from "./match-symbols";

const LITERALS: u32 = 286;
const DISTANCES: u32 = 30;
const PRECODES: u32 = 19;
/** With those that do not exist. */
const PRECODE_SYMBOLS: u32 = 32;
const END_OF_BLOCK: u32 = 256;
/** Tokens, in bytes, of a block that is too short for a code of its own to pay: the head of a dynamic block takes 40 bytes and more. */
const SMALL_BLOCK: u32 = 128;

/** Writes the block under way in the shortest of the three ways. False when there is no room for it: nothing is written. */
export function writeBlock(r: Compress, isLast: bool): bool {
  const record = changetype<usize>(r);
  const scratch = record + SCRATCH;
  const lengths = record + CODE_LENGTHS;
  const distanceLengths = lengths + LITERAL_SYMBOLS;
  store<u32>(record + LITERAL_COUNTS + (END_OF_BLOCK << 2), 1);
  let dynamic: u32 = 0x4000_0000;
  if (r.token - r.tokens >= SMALL_BLOCK) {
    makeLengths(record + LITERAL_COUNTS, LITERALS, 15, lengths, scratch);
    makeLengths(record + DISTANCE_COUNTS, DISTANCES, 15, distanceLengths, scratch);
    dynamic = planLengths(r);
  } else memory.fill(lengths, 0, LENGTHS_BYTES);
  let fixed: u32 = 0;
  // Most symbols do not occur.
  for (let from: u32 = 0; from < LITERAL_SYMBOLS; from += 4) {
    if (!v128.any_true(v128.load(record + LITERAL_COUNTS + ((<usize>from) << 2)))) continue;
    for (let i = from; i < from + 4; i++) {
      const many = load<u32>(record + LITERAL_COUNTS + ((<usize>i) << 2));
      const extra = i > END_OF_BLOCK ? lengthExtra(i - 257) : 0;
      dynamic += many * (load<u8>(lengths + i) + extra);
      fixed += many * ((i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8) + extra);
    }
  }
  for (let from: u32 = 0; from < DISTANCE_SYMBOLS; from += 4) {
    if (!v128.any_true(v128.load(record + DISTANCE_COUNTS + ((<usize>from) << 2)))) continue;
    for (let i = from; i < from + 4; i++) {
      const many = load<u32>(record + DISTANCE_COUNTS + ((<usize>i) << 2));
      const extra = distanceExtra(i);
      dynamic += many * (load<u8>(distanceLengths + i) + extra);
      fixed += many * (5 + extra);
    }
  }
  const bytes = r.position - r.blockStart;
  const canStore = r.blockStart != 0 && bytes <= 0xffff && bytes != 0;
  const stored: u32 = canStore ? (bytes << 3) + 39 : -1;
  const least = min(stored, min(dynamic, fixed) + 3);
  if (!hasRoom(r, (r.bits + least + 7) >> 3)) return false;
  if (least == stored) {
    r.hold |= (<u64>u32(isLast)) << r.bits;
    r.bits += 3;
    fillByte(r);
    store<u32>(r.output, bytes | (~bytes << 16));
    memory.copy(r.output + 4, r.blockStart, bytes);
    r.output += 4 + bytes;
  } else {
    const type: u32 = dynamic < fixed ? 2 : 1;
    r.hold |= (<u64>(u32(isLast) | (type << 1))) << r.bits;
    r.bits += 3;
    if (type == 1) writeTokens(r, <usize>r.tables + TABLE_FIXED_CODES);
    else {
      writeLengths(r);
      makeCodes(lengths, LITERAL_SYMBOLS, record + LITERAL_CODES, scratch);
      makeCodes(distanceLengths, DISTANCE_SYMBOLS, record + DISTANCE_CODES, scratch);
      writeTokens(r, record + LITERAL_CODES);
    }
  }
  beginBlock(r);
  return true;
}

/** Puts the code lengths in runs (section 3.2.7), and makes the code for them. Returns the bits that they take. */
function planLengths(r: Compress): u32 {
  const record = changetype<usize>(r);
  const lengths = record + CODE_LENGTHS;
  const counts = record + PRECODE_COUNTS;
  let literals = LITERALS;
  while (literals > 257 && load<u8>(lengths + literals - 1) == 0) literals--;
  let distances = DISTANCES;
  while (distances > 1 && load<u8>(lengths + LITERAL_SYMBOLS + distances - 1) == 0) distances--;
  r.literals = literals;
  r.distances = distances;
  memory.fill(counts, 0, 128);
  let run = record + RUNS;
  const all = literals + distances;
  let bits: u32 = 0;
  for (let i: u32 = 0; i < all; ) {
    const value = lengthAt(lengths, literals, i);
    let many: u32 = 1;
    while (i + many < all && lengthAt(lengths, literals, i + many) == value) many++;
    i += many;
    if (value == 0) {
      while (many >= 11) {
        const some = min<u32>(many, 138);
        run = putRun(run, counts, 18, some - 11);
        bits += 7;
        many -= some;
      }
      if (many >= 3) {
        run = putRun(run, counts, 17, many - 3);
        bits += 3;
        many = 0;
      }
    } else {
      run = putRun(run, counts, value, 0);
      many--;
      while (many >= 3) {
        const some = min<u32>(many, 6);
        run = putRun(run, counts, 16, some - 3);
        bits += 2;
        many -= some;
      }
    }
    for (; many != 0; many--) run = putRun(run, counts, value, 0);
  }
  r.runs = <u32>(run - record - RUNS) >> 1;
  const own = record + PRECODE_LENGTHS;
  makeLengths(counts, PRECODES, 7, own, record + SCRATCH);
  makeCodes(own, PRECODE_SYMBOLS, record + PRECODE_CODES, record + SCRATCH);
  let precodes = PRECODES;
  while (precodes > 4 && load<u8>(own + load<u8>(PRECODE_ORDER + precodes - 1)) == 0) precodes--;
  r.precodes = precodes;
  for (let i: u32 = 0; i < PRECODES; i++) bits += load<u32>(counts + ((<usize>i) << 2)) * load<u8>(own + i);
  return bits + 14 + 3 * precodes;
}

// @ts-ignore: decorator
@inline
function lengthAt(lengths: usize, literals: u32, index: u32): u32 {
  const at: u32 = index < literals ? index : LITERAL_SYMBOLS + index - literals;
  return load<u8>(lengths + at);
}

function putRun(run: usize, counts: usize, symbol: u32, extra: u32): usize {
  store<u16>(run, <u16>(symbol | (extra << 8)));
  const at = counts + ((<usize>symbol) << 2);
  store<u32>(at, load<u32>(at) + 1);
  return run + 2;
}

/** The head of a dynamic block behind its type. */
function writeLengths(r: Compress): void {
  const record = changetype<usize>(r);
  put(r, r.literals - 257, 5);
  put(r, r.distances - 1, 5);
  put(r, r.precodes - 4, 4);
  for (let i: u32 = 0; i < r.precodes; i++) put(r, load<u8>(record + PRECODE_LENGTHS + load<u8>(PRECODE_ORDER + i)), 3);
  for (let i: usize = 0; i < <usize>r.runs; i++) {
    const run = <u32>load<u16>(record + RUNS + (i << 1));
    const symbol = run & 0xff;
    const code = load<u32>(record + PRECODE_CODES + ((<usize>symbol) << 2));
    put(r, code & 0xffff, code >> 16);
    if (symbol >= 16) put(r, run >> 8, symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
  }
}

/** The fixed code, for all who write in a memory. */
export function makeFixedCodes(tables: usize): void {
  const lengths = tables + TABLE_KEY;
  const codes = tables + TABLE_FIXED_CODES;
  fixedLengths(lengths);
  makeCodes(lengths, LITERAL_SYMBOLS, codes, tables + TABLE_SORTED);
  makeCodes(lengths + LITERAL_SYMBOLS, DISTANCE_SYMBOLS, codes + (LITERAL_SYMBOLS << 2), tables + TABLE_SORTED);
}

/** The block's tokens and its end. `literalCodes`: a word for each of 288 symbols, and behind them those of distances. */
function writeTokens(r: Compress, literalCodes: usize): void {
  const distanceCodes = literalCodes + (LITERAL_SYMBOLS << 2);
  const end = <usize>r.token;
  let output = <usize>r.output;
  let hold = r.hold;
  let bits = r.bits;
  for (let token = <usize>r.tokens; token < end; token += 2) {
    const value = <u32>load<u16>(token);
    if (value < 256) {
      const code = load<u32>(literalCodes + ((<usize>value) << 2));
      hold |= (<u64>(code & 0xffff)) << bits;
      bits += code >> 16;
    } else {
      const length = value - 256 + 3;
      const symbol = lengthSymbol(length);
      let code = load<u32>(literalCodes + ((<usize>symbol + 257) << 2));
      hold |= (<u64>(code & 0xffff)) << bits;
      bits += code >> 16;
      const extra = lengthExtra(symbol);
      hold |= (<u64>((length - 3) & ((1 << extra) - 1))) << bits;
      bits += extra;
      token += 2;
      const distance = <u32>load<u16>(token) + 1;
      const far = distanceSymbol(distance);
      code = load<u32>(distanceCodes + ((<usize>far) << 2));
      hold |= (<u64>(code & 0xffff)) << bits;
      bits += code >> 16;
      const more = distanceExtra(far);
      hold |= (<u64>((distance - 1) & ((1 << more) - 1))) << bits;
      bits += more;
    }
    store<u64>(output, hold);
    output += bits >> 3;
    hold >>= bits & 56;
    bits &= 7;
  }
  r.output = <u32>output;
  r.hold = hold;
  r.bits = bits;
  const code = load<u32>(literalCodes + (END_OF_BLOCK << 2));
  put(r, code & 0xffff, code >> 16);
}
