// The symbols of a block, decoded: literals, and matches with what lies in front of them (RFC 1951 section 3.2.3).
//
// Rule 1: where input and output have slack, nothing is asked about them inside a step; near their edges every symbol is asked about.
// Rule 2: at the end of an input, a step of the quick way is undone when it used bits that are not there: it may, as zeros stand behind that.
// Rule 3: what a match covers is known to lie between the floor and the output before a byte of it is copied.

import {
  DEFLATE_ERROR_DISTANCE_TOO_FAR, DEFLATE_ERROR_INVALID_DISTANCE, DEFLATE_ERROR_INVALID_LENGTH, INFLATE_DONE, INFLATE_FULL, INFLATE_MORE,
} from "../abi";
import {
  ANOTHER_TABLE, distanceBits, END_OF_BLOCK, FIXED_DISTANCE_BITS, FIXED_LITERAL_BITS, LITERAL, literalBits, SPECIAL, TABLE_DISTANCES,
  TABLE_FIXED_DISTANCES, TABLE_FIXED_LITERALS, TABLE_LITERALS, TABLE_TAIL,
} from "./codes";
import { A_MATCH, fail, Inflate, NOTHING, ONE_LITERAL } from "./inflate-record";

/** Bytes of input that one step reads at the most, and of output that it may write: three literals, the longest match, and a copy past its end. */
const INPUT_SLACK: u32 = 16;
const OUTPUT_SLACK: u32 = 288;

// How the quick way ended; otherwise an error.
const SLACK_USED: u32 = 0x100;
const BLOCK_ENDED: u32 = 0x101;

/** For each distance below 16, the bytes of a step: row d has 0 to d - 1, again and again. */
// prettier-ignore
const PATTERNS: usize = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1,
  0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0,
  0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0,
  0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1,
  0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 1, 2, 3, 4,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 1, 2,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 1,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0,
]);

/** … and how many of them are whole repetitions. */
// prettier-ignore
const STRIDES: usize = memory.data<u8>([0, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15]);

/** Decodes up to the end of the block (INFLATE_DONE), or as far as input and output go. */
export function decodeSymbols(r: Inflate): u32 {
  if (r.pending != NOTHING && !finishPending(r)) return INFLATE_FULL;
  for (;;) {
    if (r.bits < 8 && r.outputEnd - r.output >= OUTPUT_SLACK && r.output < r.outputEnd) {
      let ended = SLACK_USED;
      if (r.inputEnd - r.input > INPUT_SLACK) ended = decodeBody(r);
      if (ended == SLACK_USED && r.input < r.inputEnd && r.inputEnd - r.input <= TAIL_BYTES) ended = decodeTail(r);
      if (ended == BLOCK_ENDED) return INFLATE_DONE;
      if (ended < SLACK_USED) return fail(r, ended);
    }
    // Near an edge: a few symbols, then another look at how near it is.
    for (let i = 0; i < 4; i++) {
      const result = decodeOne(r);
      if (result == INFLATE_CONTINUES) continue;
      return result;
    }
  }
  return unreachable();
}

/** A result of {@link decodeOne} alone: another symbol. */
const INFLATE_CONTINUES: u32 = 0x102;

/** All but the end of an input. */
function decodeBody(r: Inflate): u32 {
  return decodeQuickly(r, r.input, r.inputEnd - INPUT_SLACK, false);
}

/** What {@link decodeBody} leaves at the most. */
const TAIL_BYTES: u32 = INPUT_SLACK + 7;

/** The end of an input goes the quick way where zeros stand behind it. */
function decodeTail(r: Inflate): u32 {
  const tail = <usize>r.tables + TABLE_TAIL;
  const input = r.input;
  const have = r.inputEnd - input;
  for (let i: usize = 0; i < TAIL_BYTES + INPUT_SLACK; i += 16) v128.store(tail + i, i32x4.splat(0));
  if (have >= 8) {
    let i: usize = 0;
    for (; i + 8 <= <usize>have; i += 8) store<u64>(tail + i, load<u64>(<usize>input + i));
    store<u64>(tail + have - 8, load<u64>(<usize>input + have - 8));
  } else {
    for (let i: usize = 0; i < <usize>have; i++) store<u8>(tail + i, load<u8>(<usize>input + i));
  }
  r.input = <u32>tail;
  const ended = decodeQuickly(r, <u32>tail, <u32>tail + have, true);
  r.input = input + (r.input - <u32>tail);
  return ended;
}

/**
 * The quick way: from `from` on, up to `stop`, or as long as the output has slack. Of the tail of an input, no bit behind `stop` is used in the end; of
 * anything else, those that a step needs.
 */
// @ts-ignore: decorator
@inline
function decodeQuickly(r: Inflate, from: u32, stop: u32, isTail: bool): u32 {
  const tables = <usize>r.tables;
  const isFixed = r.isFixed != 0;
  const literals = tables + (isFixed ? TABLE_FIXED_LITERALS : TABLE_LITERALS);
  const distances = tables + (isFixed ? TABLE_FIXED_DISTANCES : TABLE_DISTANCES);
  const literalsBits = isFixed ? FIXED_LITERAL_BITS : literalBits(tables);
  const distancesBits = isFixed ? FIXED_DISTANCE_BITS : distanceBits(tables);
  const literalMask: u32 = (1 << literalsBits) - 1;
  const distanceMask: u32 = (1 << distancesBits) - 1;
  const floor = <usize>r.floor;
  const window = r.window;
  const outputStop = <usize>r.outputEnd - OUTPUT_SLACK;
  let hold = r.hold;
  let bits = r.bits;
  let input = <usize>from;
  let output = <usize>r.output;
  let ended = SLACK_USED;
  let oldHold = hold;
  let oldBits = bits;
  let oldInput = input;
  let oldOutput = output;

  for (;;) {
    if (isTail ? <i32>(((stop - <u32>input) << 3) + bits) <= 0 : <u32>input > stop) break;
    if (output > outputStop) break;
    if (isTail) {
      oldHold = hold;
      oldBits = bits;
      oldInput = input;
      oldOutput = output;
    }
    hold |= load<u64>(input) << bits;
    input += (63 - bits) >> 3;
    bits |= 56;
    let entry = load<u32>(literals + ((<usize>(<u32>hold & literalMask)) << 2));
    // Three literals at most use 33 of the 56 bits that are held. The steps stand here one by one: a loop would count them.
    if ((entry & LITERAL) != 0) {
      hold >>= entry & 63;
      bits -= entry & 63;
      store<u8>(output, <u8>(entry >> 16));
      output += 1;
      entry = load<u32>(literals + ((<usize>(<u32>hold & literalMask)) << 2));
      if ((entry & LITERAL) != 0) {
        hold >>= entry & 63;
        bits -= entry & 63;
        store<u8>(output, <u8>(entry >> 16));
        output += 1;
        entry = load<u32>(literals + ((<usize>(<u32>hold & literalMask)) << 2));
        if ((entry & LITERAL) != 0) {
          hold >>= entry & 63;
          bits -= entry & 63;
          store<u8>(output, <u8>(entry >> 16));
          output += 1;
          continue;
        }
      }
      hold |= load<u64>(input) << bits;
      input += (63 - bits) >> 3;
      bits |= 56;
    }
    if ((entry & SPECIAL) != 0) {
      if ((entry & ANOTHER_TABLE) != 0) {
        const index = (entry >> 16) + (<u32>(hold >> literalsBits) & ((1 << ((entry >> 8) & 15)) - 1));
        entry = load<u32>(literals + ((<usize>index) << 2));
        if ((entry & LITERAL) != 0) {
          hold >>= entry & 63;
          bits -= entry & 63;
          store<u8>(output, <u8>(entry >> 16));
          output += 1;
          continue;
        }
      }
      if ((entry & SPECIAL) != 0) {
        hold >>= entry & 63;
        bits -= entry & 63;
        ended = (entry & END_OF_BLOCK) != 0 ? BLOCK_ENDED : DEFLATE_ERROR_INVALID_LENGTH;
        break;
      }
    }
    const length = (entry >> 16) + (<u32>(hold >> ((entry >> 8) & 15)) & ((1 << ((entry & 63) - ((entry >> 8) & 15))) - 1));
    hold >>= entry & 63;
    bits -= entry & 63;
    entry = load<u32>(distances + ((<usize>(<u32>hold & distanceMask)) << 2));
    if ((entry & SPECIAL) != 0) {
      if ((entry & ANOTHER_TABLE) != 0) {
        const index = (entry >> 16) + (<u32>(hold >> distancesBits) & ((1 << ((entry >> 8) & 15)) - 1));
        entry = load<u32>(distances + ((<usize>index) << 2));
      }
      if ((entry & SPECIAL) != 0) {
        hold >>= entry & 63;
        bits -= entry & 63;
        ended = DEFLATE_ERROR_INVALID_DISTANCE;
        break;
      }
    }
    const distance = (entry >> 16) + (<u32>(hold >> ((entry >> 8) & 15)) & ((1 << ((entry & 63) - ((entry >> 8) & 15))) - 1));
    hold >>= entry & 63;
    bits -= entry & 63;
    if (distance > <u32>(output - floor) || distance > window) {
      ended = DEFLATE_ERROR_DISTANCE_TOO_FAR;
      break;
    }
    const end = output + length;
    let source = output - distance;
    if (distance >= 16) {
      do {
        v128.store(output, v128.load(source));
        source += 16;
        output += 16;
      } while (output < end);
    } else {
      const pattern = i8x16.swizzle(v128.load(source), v128.load(PATTERNS + ((<usize>distance) << 4)));
      const stride = <usize>load<u8>(STRIDES + distance);
      do {
        v128.store(output, pattern);
        output += stride;
      } while (output < end);
    }
    output = end;
  }

  if (isTail && <i32>(((stop - <u32>input) << 3) + bits) < 0) {
    hold = oldHold;
    bits = oldBits;
    input = oldInput;
    output = oldOutput;
    ended = SLACK_USED;
  }
  const back = bits >> 3;
  bits &= 7;
  r.input = <u32>input - back;
  r.bits = bits;
  r.hold = hold & ((1 << bits) - 1);
  r.output = <u32>output;
  return ended;
}

/** One symbol, which may lack input or output. */
function decodeOne(r: Inflate): u32 {
  const tables = <usize>r.tables;
  const isFixed = r.isFixed != 0;
  const literals = tables + (isFixed ? TABLE_FIXED_LITERALS : TABLE_LITERALS);
  const distances = tables + (isFixed ? TABLE_FIXED_DISTANCES : TABLE_DISTANCES);
  const literalsBits = isFixed ? FIXED_LITERAL_BITS : literalBits(tables);
  const distancesBits = isFixed ? FIXED_DISTANCE_BITS : distanceBits(tables);
  for (;;) {
    const hold = r.hold;
    const bits = r.bits;
    let entry = load<u32>(literals + ((<usize>hold & ((1 << literalsBits) - 1)) << 2));
    if ((entry & ANOTHER_TABLE) != 0 && literalsBits <= bits) {
      const index = (entry >> 16) + (<u32>(hold >> literalsBits) & ((1 << ((entry >> 8) & 15)) - 1));
      entry = load<u32>(literals + ((<usize>index) << 2));
    }
    const own = (entry >> 8) & 15;
    if ((entry & ANOTHER_TABLE) == 0 && own <= bits) {
      if ((entry & LITERAL) != 0) {
        r.hold = hold >> own;
        r.bits = bits - own;
        r.pending = ONE_LITERAL;
        r.length = entry >> 16;
        return finishPending(r) ? INFLATE_CONTINUES : INFLATE_FULL;
      }
      if ((entry & SPECIAL) != 0) {
        if ((entry & END_OF_BLOCK) == 0) return fail(r, DEFLATE_ERROR_INVALID_LENGTH);
        r.hold = hold >> own;
        r.bits = bits - own;
        return INFLATE_DONE;
      }
      const used = entry & 63;
      if (used <= bits) {
        const length = (entry >> 16) + (<u32>(hold >> own) & ((1 << (used - own)) - 1));
        const rest = hold >> used;
        const left = bits - used;
        entry = load<u32>(distances + ((<usize>rest & ((1 << distancesBits) - 1)) << 2));
        if ((entry & ANOTHER_TABLE) != 0 && distancesBits <= left) {
          const index = (entry >> 16) + (<u32>(rest >> distancesBits) & ((1 << ((entry >> 8) & 15)) - 1));
          entry = load<u32>(distances + ((<usize>index) << 2));
        }
        const code = (entry >> 8) & 15;
        const all = entry & 63;
        if ((entry & ANOTHER_TABLE) == 0 && code <= left) {
          if ((entry & SPECIAL) != 0) return fail(r, DEFLATE_ERROR_INVALID_DISTANCE);
          if (all <= left) {
            const distance = (entry >> 16) + (<u32>(rest >> code) & ((1 << (all - code)) - 1));
            if (distance > r.output - r.floor || distance > r.window) return fail(r, DEFLATE_ERROR_DISTANCE_TOO_FAR);
            r.hold = rest >> all;
            r.bits = left - all;
            r.pending = A_MATCH;
            r.length = length;
            r.distance = distance;
            return finishPending(r) ? INFLATE_CONTINUES : INFLATE_FULL;
          }
        }
      }
    }
    if (r.input >= r.inputEnd) return INFLATE_MORE;
    r.hold = hold | ((<u64>load<u8>(r.input++)) << bits);
    r.bits = bits + 8;
  }
  return unreachable();
}

/** Writes what is pending as far as there is room, byte by byte. False when there was not enough. */
function finishPending(r: Inflate): bool {
  let output = <usize>r.output;
  const end = <usize>r.outputEnd;
  if (r.pending == ONE_LITERAL) {
    if (output >= end) return false;
    store<u8>(output, <u8>r.length);
    r.output = <u32>output + 1;
    r.pending = NOTHING;
    return true;
  }
  const distance = <usize>r.distance;
  let length = r.length;
  for (; length != 0 && output < end; length--) {
    store<u8>(output, load<u8>(output - distance));
    output++;
  }
  r.output = <u32>output;
  r.length = length;
  if (length != 0) return false;
  r.pending = NOTHING;
  return true;
}
