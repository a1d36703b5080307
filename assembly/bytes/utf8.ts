// Streaming UTF-8 validation (RFC 3629): a DFA for multi-byte sequences, 16 bytes a step where the text is ASCII.

/** Between code points; the only state in which a text may end. */
export const UTF8_START: u32 = 0;
/** No byte can make the text valid again. */
export const UTF8_REJECT: u32 = 12;

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

/** {@link isAscii} for JavaScript. */
export function isAsciiRun(pointer: usize, length: usize): bool {
  return isAscii(pointer, length);
}

/** Feeds `length` bytes to the DFA and returns its state; UTF8_REJECT stays UTF8_REJECT. */
export function utf8Validate(state: u32, pointer: usize, length: usize): u32 {
  const end = pointer + length;
  while (pointer < end) {
    if (state == UTF8_START) {
      while (pointer + 16 <= end && i8x16.bitmask(v128.load(pointer)) == 0) pointer += 16;
      while (pointer < end && load<u8>(pointer) < 0x80) pointer++;
      if (pointer == end) break;
    }
    const byte = <u32>load<u8>(pointer++);
    const kind = byte < 0x80 ? 0 : <u32>load<u8>(CLASS + byte - 0x80);
    state = load<u8>(NEXT + state + kind);
    if (state == UTF8_REJECT) break;
  }
  return state;
}
