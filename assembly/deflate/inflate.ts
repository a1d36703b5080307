// Inflate (RFC 1951): blocks in, bytes out.
//
// Rule 1: all state lives in the record; a call may stop at any byte of input or output, and the next one goes on.
// Rule 2: between two steps fewer than eight bits are held. Only in the middle of a step that needs more input there can be more, and the step needs
//         all of them; so what follows a stream is never taken.
// Rule 3: nothing is read before `floor`, nothing is written at or behind `outputEnd`, whatever a caller says of it: the area is in the record.
//
//   area                          floor                              output           outputEnd        areaEnd
//   │ …                           │ history │ message (a view)       │ free           │                │

import {
  DEFLATED_CONTINUES, DEFLATE_ERROR_BLOCK_TYPE, DEFLATE_ERROR_CODE_LENGTHS, DEFLATE_ERROR_DISTANCE_CODE, DEFLATE_ERROR_LITERAL_CODE,
  DEFLATE_ERROR_NO_END_OF_BLOCK, DEFLATE_ERROR_NONE, DEFLATE_ERROR_REPEAT, DEFLATE_ERROR_STORED_LENGTH, DEFLATE_ERROR_TOO_MANY_CODES, INFLATE_DONE,
  INFLATE_FAILED, INFLATE_FULL, INFLATE_MORE,
} from "../abi";
import {
  CODES_MADE, LENGTHS_BYTES, LITERAL_SYMBOLS, LITERALS_WRONG, makePrecode, PRECODE_ORDER, TABLE_PRECODE, useLengths,
} from "./codes";
import { CODE_LENGTHS, DONE, fail, Inflate, NOTHING, PRECODE_LENGTHS } from "./inflate-record";
import { decodeSymbols } from "./symbols";

// States.
const HEAD: u32 = 0;
const STORED_LENGTH: u32 = 1;
const STORED: u32 = 2;
const COUNTS: u32 = 3;
const PRECODE: u32 = 4;
const LENGTHS: u32 = 5;
const CODES: u32 = 6;

/** Back to the first byte of a stream, with no history. */
export function resetBlocks(r: Inflate): void {
  r.hold = 0;
  r.bits = 0;
  r.state = HEAD;
  r.error = DEFLATE_ERROR_NONE;
  r.pending = NOTHING;
  r.output = r.area;
  r.floor = r.area;
}

/** Holds at least `count` bits, 32 at the most. False when the input does not have them: what there is, is held. */
// @ts-ignore: decorator
@inline
function need(r: Inflate, count: u32): bool {
  while (r.bits < count) {
    if (r.input >= r.inputEnd) return false;
    r.hold |= (<u64>load<u8>(r.input++)) << r.bits;
    r.bits += 8;
  }
  return true;
}

// @ts-ignore: decorator
@inline
function take(r: Inflate, count: u32): u32 {
  const value = <u32>r.hold & ((1 << count) - 1);
  r.hold >>= count;
  r.bits -= count;
  return value;
}

/** A block has ended: what comes next. */
function endBlock(r: Inflate): void {
  r.state = HEAD;
  if (r.isLast == 0) return;
  r.hold = 0;
  r.bits = 0;
  if ((r.flags & DEFLATED_CONTINUES) == 0) r.state = DONE;
}

/** The stream may end here: between blocks, with no bit held. */
export function isBetweenBlocks(r: Inflate): bool {
  return r.state == HEAD && r.bits == 0;
}

/** What is missing to that is exactly the lengths of an empty stored block: what a sender of whole messages leaves out (RFC 7692 section 7.2.1). */
export function isBeforeEmptyBlock(r: Inflate): bool {
  return r.state == STORED_LENGTH && r.bits == 0;
}

/** Goes on as if that had come. */
export function skipEmptyBlock(r: Inflate): void {
  endBlock(r);
}

/** Inflates from `input` to `output` as far as it goes. Returns an INFLATE number. */
export function inflateBlocks(r: Inflate): u32 {
  for (;;) {
    switch (r.state) {
      case HEAD: {
        if (!need(r, 3)) return INFLATE_MORE;
        r.isLast = take(r, 1);
        const type = take(r, 2);
        if (type == 0) {
          r.hold = 0;
          r.bits = 0;
          r.state = STORED_LENGTH;
        } else if (type == 1) {
          r.isFixed = 1;
          r.state = CODES;
        } else if (type == 2) {
          r.isFixed = 0;
          r.state = COUNTS;
        } else return fail(r, DEFLATE_ERROR_BLOCK_TYPE);
        break;
      }
      case STORED_LENGTH: {
        if (!need(r, 32)) return INFLATE_MORE;
        const word = <u32>r.hold;
        r.hold = 0;
        r.bits = 0;
        if ((word & 0xffff) != (word >> 16 ^ 0xffff)) return fail(r, DEFLATE_ERROR_STORED_LENGTH);
        r.length = word & 0xffff;
        r.state = STORED;
        break;
      }
      case STORED: {
        const some = min(r.length, min(r.inputEnd - r.input, r.outputEnd - r.output));
        if (some != 0) {
          memory.copy(r.output, r.input, some);
          r.input += some;
          r.output += some;
          r.length -= some;
        }
        if (r.length != 0) return r.input == r.inputEnd ? INFLATE_MORE : INFLATE_FULL;
        endBlock(r);
        break;
      }
      case COUNTS: {
        if (!need(r, 14)) return INFLATE_MORE;
        r.literals = take(r, 5) + 257;
        r.distances = take(r, 5) + 1;
        r.precodes = take(r, 4) + 4;
        if (r.literals > 286 || r.distances > 30) return fail(r, DEFLATE_ERROR_TOO_MANY_CODES);
        r.precode0 = 0;
        r.precode1 = 0;
        r.precode2 = 0;
        r.precode3 = 0;
        clearLengths(changetype<usize>(r) + CODE_LENGTHS);
        r.at = 0;
        r.state = PRECODE;
        break;
      }
      case PRECODE: {
        if (!readPrecode(r)) return INFLATE_MORE;
        if (!makePrecode(r.tables, changetype<usize>(r) + PRECODE_LENGTHS)) return fail(r, DEFLATE_ERROR_CODE_LENGTHS);
        r.at = 0;
        r.state = LENGTHS;
        const result = readLengths(r);
        if (result != INFLATE_DONE) return result;
        break;
      }
      case LENGTHS: {
        // Another decoder may have used the tables since.
        makePrecode(r.tables, changetype<usize>(r) + PRECODE_LENGTHS);
        const result = readLengths(r);
        if (result != INFLATE_DONE) return result;
        break;
      }
      case CODES: {
        if (r.isFixed == 0) {
          const lengths = changetype<usize>(r) + CODE_LENGTHS;
          const made = useLengths(r.tables, lengths, literalBitsFor(r.inputEnd - r.input));
          if (made != CODES_MADE) return fail(r, made == LITERALS_WRONG ? DEFLATE_ERROR_LITERAL_CODE : DEFLATE_ERROR_DISTANCE_CODE);
        }
        const result = decodeSymbols(r);
        if (result != INFLATE_DONE) return result;
        endBlock(r);
        break;
      }
      case DONE:
        return INFLATE_DONE;
      default:
        return INFLATE_FAILED;
    }
  }
  return unreachable();
}

/** Bits of the first table: a large one is worth its making where there is much to decode. */
// @ts-ignore: decorator
@inline
function literalBitsFor(input: u32): u32 {
  return input < 1024 ? 9 : input < 4096 ? 10 : 11;
}

/** Reads the lengths of the code lengths' code. False when there are not enough bits. */
function readPrecode(r: Inflate): bool {
  const lengths = changetype<usize>(r) + PRECODE_LENGTHS;
  const count = r.precodes;
  let hold = r.hold;
  let bits = r.bits;
  let input = r.input;
  let at = r.at;
  for (; at < count; at++) {
    if (bits < 3) {
      if (input >= r.inputEnd) break;
      hold |= (<u64>load<u8>(input++)) << bits;
      bits += 8;
    }
    store<u8>(lengths + load<u8>(PRECODE_ORDER + at), <u8>hold & 7);
    hold >>= 3;
    bits -= 3;
  }
  r.hold = hold;
  r.bits = bits;
  r.input = input;
  r.at = at;
  return at == count;
}

/** Reads the code lengths of a dynamic block (section 3.2.7), and judges them. Those that are not read are 0 already. */
function readLengths(r: Inflate): u32 {
  const table = <usize>r.tables + TABLE_PRECODE;
  const literals = r.literals;
  const count = literals + r.distances;
  // Lengths of distances have a place of their own.
  const ofLiterals = changetype<usize>(r) + CODE_LENGTHS;
  const ofDistances = ofLiterals + LITERAL_SYMBOLS - literals;
  const end = r.inputEnd;
  let hold = r.hold;
  let bits = r.bits;
  let input = r.input;
  let at = r.at;
  let last: u32 = at == 0 ? NO_LENGTH : <u32>load<u8>((at <= literals ? ofLiterals : ofDistances) + at - 1);
  while (at < count) {
    // A code has 7 bits at most, and so has what is behind it.
    if (bits < 14) {
      if (input + 8 <= end) {
        hold |= load<u64>(input) << bits;
        const more = (63 - bits) >> 3;
        input += more;
        bits += more << 3;
      } else {
        for (; bits < 14 && input < end; bits += 8) hold |= (<u64>load<u8>(input++)) << bits;
      }
    }
    const entry = load<u32>(table + ((<usize>hold & 127) << 2));
    const used = entry & 63;
    if (used > bits) {
      r.hold = hold;
      r.bits = bits;
      r.input = input;
      r.at = at;
      return INFLATE_MORE;
    }
    const symbol = entry >> 16;
    if (symbol < 16) {
      hold >>= used;
      bits -= used;
      store<u8>((at < literals ? ofLiterals : ofDistances) + at, <u8>symbol);
      at++;
      last = symbol;
      continue;
    }
    const own = (entry >> 8) & 15;
    const stop = at + (symbol == 18 ? 11 : 3) + (<u32>(hold >> own) & ((1 << (used - own)) - 1));
    hold >>= used;
    bits -= used;
    if (symbol != 16) last = 0;
    if (last == NO_LENGTH || stop > count) return fail(r, DEFLATE_ERROR_REPEAT);
    if (last == 0) at = stop;
    else for (; at < stop; at++) store<u8>((at < literals ? ofLiterals : ofDistances) + at, <u8>last);
  }
  // Whole bytes that were taken too early go back: all of them are of this call.
  const back = bits >> 3;
  bits &= 7;
  r.input = input - back;
  r.bits = bits;
  r.hold = hold & ((1 << bits) - 1);

  if (load<u8>(ofLiterals + 256) == 0) return fail(r, DEFLATE_ERROR_NO_END_OF_BLOCK);
  r.state = CODES;
  return INFLATE_DONE;
}

/** No code length. */
const NO_LENGTH: u32 = 16;

// @ts-ignore: decorator
@inline
function clearLengths(lengths: usize): void {
  for (let i: usize = 0; i < LENGTHS_BYTES; i += 16) v128.store(lengths + i, i32x4.splat(0));
}
