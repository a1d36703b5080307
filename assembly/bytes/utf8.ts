// Streaming UTF-8 validation (RFC 3629): 16 bytes a step where there are so many, a DFA for the rest.

import { UTF8_REJECT, UTF8_START } from "../abi";

// Byte classes of Bjoern Hoehrmann's decoder (MIT licence), built from the ranges of RFC 3629 section 4:
// 0 ASCII; 1, 9, 7 continuation 80-8F, 90-9F, A0-BF; 2 lead of two; 3 of three; 4 ED; 10 E0; 5 F1-F3; 11 F0; 6 F4; 8 never.
// prettier-ignore
const CLASS: usize = memory.data<u8>([
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  8, 8, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  10, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 3, 3, 11, 6, 6, 6, 5, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
]);

// Next state by state + class; states are multiples of 12.
// prettier-ignore
const NEXT: usize = memory.data<u8>([
  0, 12, 24, 36, 60, 96, 84, 12, 12, 12, 48, 72,
  12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
  12, 0, 12, 12, 12, 12, 12, 0, 12, 0, 12, 12,
  12, 24, 12, 12, 12, 12, 12, 24, 12, 24, 12, 12,
  12, 12, 12, 12, 12, 12, 12, 24, 12, 12, 12, 12,
  12, 24, 12, 12, 12, 12, 12, 12, 12, 24, 12, 12,
  12, 12, 12, 12, 12, 12, 12, 36, 12, 36, 12, 12,
  12, 36, 12, 12, 12, 12, 12, 36, 12, 36, 12, 12,
  12, 36, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12,
]);

/** True when `length` bytes at `pointer` are all below 0x80. Reads nothing outside the run. */
// @ts-ignore: decorator
@inline
export function isAscii(pointer: usize, length: usize): bool {
  // The last step ends where the run ends, and looks again at bytes of the one before it.
  if (length >= 64) {
    const last = pointer + length - 64;
    let seen = union64(last);
    for (; pointer < last; pointer += 64) seen = v128.or(seen, union64(pointer));
    return i8x16.bitmask(seen) == 0;
  }
  if (length >= 16) {
    const last = pointer + length - 16;
    let seen = v128.load(last);
    for (; pointer < last; pointer += 16) seen = v128.or(seen, v128.load(pointer));
    return i8x16.bitmask(seen) == 0;
  }
  if (length >= 8) {
    return ((load<u64>(pointer) | load<u64>(pointer + length - 8)) & 0x8080808080808080) == 0;
  }
  if (length >= 4) {
    return ((load<u32>(pointer) | load<u32>(pointer + length - 4)) & 0x80808080) == 0;
  }
  let seen: u32 = 0;
  for (let i: usize = 0; i < length; i++) seen |= load<u8>(pointer + i);
  return seen < 0x80;
}

// @ts-ignore: decorator
@inline
function union64(pointer: usize): v128 {
  const low = v128.or(v128.load(pointer), v128.load(pointer, 16));
  return v128.or(low, v128.or(v128.load(pointer, 32), v128.load(pointer, 48)));
}

/** {@link isAscii} for JavaScript. */
export function isAsciiRun(pointer: usize, length: usize): bool {
  return isAscii(pointer, length);
}

/**
 * Goes on in `state` over `length` bytes and returns the state behind them; UTF8_REJECT stays UTF8_REJECT. What it says does not depend on
 * how a text was cut: a byte that cannot stand where it does is found in the call that brings it.
 */
export function utf8Validate(state: u32, pointer: usize, length: usize): u32 {
  const end = pointer + length;
  while (state != UTF8_START) {
    if (pointer == end || state == UTF8_REJECT) return state;
    state = step(state, pointer++);
  }
  if (end - pointer >= WIDE) {
    if (hasFault(pointer, end)) return UTF8_REJECT;
    // All is well up to here, but for a sequence that the end may have cut: it alone goes through the DFA.
    pointer = <u32>load<u8>(end - 1) >= 0xc0 ? end - 1 : <u32>load<u8>(end - 2) >= 0xe0 ? end - 2 : <u32>load<u8>(end - 3) >= 0xf0 ? end - 3 : end;
  }
  for (; pointer < end && state != UTF8_REJECT; pointer++) state = step(state, pointer);
  return state;
}

// @ts-ignore: decorator
@inline
function step(state: u32, pointer: usize): u32 {
  const byte = <u32>load<u8>(pointer);
  return load<u8>(NEXT + state + (byte < 0x80 ? 0 : <u32>load<u8>(CLASS + byte - 0x80)));
}

// The wide way is that of John Keiser and Daniel Lemire, "Validating UTF-8 in less than one instruction per byte" (2020): three look-ups by
// nibbles of a byte and of the one before it; a bit that is set in all three is a fault of those two bytes.
//
//   01 lead without continuation   02 continuation behind ASCII    04 E0 80..9F   08 above F4 8F (with 90..BF)   10 surrogate
//   20 C0, C1                      40 F0 80..8F, or above F4       80 continuation behind a continuation: must be one of a longer sequence

/** Fewest bytes for the wide way: a step, and the three before it. */
const WIDE: usize = 19;

/** Is there a fault in [start, end), at least WIDE bytes from a code point on? A sequence that the end cuts is none. Reads nothing outside the run. */
function hasFault(start: usize, end: usize): bool {
  const last = end - 16;
  let bytes = v128.load(start);
  const none = i8x16.splat(0);
  let faults = faultsOf(
    bytes,
    v128.shuffle<u8>(none, bytes, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30),
    v128.shuffle<u8>(none, bytes, 0, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29),
    v128.shuffle<u8>(none, bytes, 0, 0, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28),
  );
  // The last step ends where the run ends, and looks again at bytes of the one before it. At least three bytes precede each.
  for (let at = start; at != last; ) {
    at = min(at + 16, last);
    bytes = v128.load(at);
    const before3 = v128.load(at - 3);
    if (i8x16.bitmask(v128.or(bytes, before3)) == 0) continue;
    faults = v128.or(faults, faultsOf(bytes, v128.load(at - 1), v128.load(at - 2), before3));
  }
  return v128.any_true(faults);
}

/** Not zero where a byte cannot follow the one, two and three before it. */
// @ts-ignore: decorator
@inline
function faultsOf(bytes: v128, before1: v128, before2: v128, before3: v128): v128 {
  const nibble = i8x16.splat(15);
  const high1 = i8x16.swizzle(i8x16(2, 2, 2, 2, 2, 2, 2, 2, -128, -128, -128, -128, 0x21, 1, 0x15, 0x49), i8x16.shr_u(before1, 4));
  const low1 = i8x16.swizzle(
    i8x16(-25, -93, -125, -125, -117, -53, -53, -53, -53, -53, -53, -53, -53, -37, -53, -53),
    v128.and(before1, nibble),
  );
  const high = i8x16.swizzle(i8x16(1, 1, 1, 1, 1, 1, 1, 1, -26, -82, -70, -70, 1, 1, 1, 1), i8x16.shr_u(bytes, 4));
  // Two behind a lead of three or more, or three behind one of four, a continuation has to follow a continuation; nowhere else may it.
  const due = v128.or(i8x16.sub_sat_u(before2, i8x16.splat(0x60)), i8x16.sub_sat_u(before3, i8x16.splat(0x70)));
  return v128.xor(v128.and(due, i8x16.splat(-128)), v128.and(v128.and(high1, low1), high));
}
