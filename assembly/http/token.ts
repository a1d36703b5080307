// Character classes of RFC 9110 section 5.6.2 and RFC 9112 sections 3 and 5.

/** tchar, as a bit set over 0 to 127. */
const TCHAR_LOW: u64 = 0x03ff6cfa00000000;
const TCHAR_HIGH: u64 = 0x57ffffffc7fffffe;

/** May this byte stand in a token: a method or a field name? */
// @ts-ignore: decorator
@inline
export function isTokenByte(byte: u32): bool {
  return byte < 128 && (((byte < 64 ? TCHAR_LOW : TCHAR_HIGH) >> (byte & 63)) & 1) != 0;
}

/** May this byte stand in a field value or reason: HTAB, SP, VCHAR or obs-text? */
// @ts-ignore: decorator
@inline
export function isValueByte(byte: u32): bool {
  return byte >= 0x20 ? byte != 0x7f : byte == 0x09;
}

/** How many of the 16 bytes at `at` are tchars, up to the first that is none. */
// @ts-ignore: decorator
@inline
export function tokenBytes(at: usize): u32 {
  // By nibbles: bit `high` of the entry for `low` is set when the byte is a tchar. Bytes from 0x80 on have no bit.
  const bytes = v128.load(at);
  const low = v128.and(bytes, i8x16.splat(15));
  const rows = i8x16.swizzle(i8x16(-24, -4, -8, -4, -4, -4, -4, -4, -8, -8, -12, 84, -48, 84, -12, 112), low);
  const bits = i8x16.swizzle(i8x16(1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0), i8x16.shr_u(bytes, 4));
  return ctz(i8x16.bitmask(i8x16.eq(v128.and(rows, bits), i8x16.splat(0))) | 0x10000);
}

/** First byte in [at, end) that may not stand in a token, or `end`. Reads nothing outside the run. */
export function skipToken(at: usize, end: usize): usize {
  while (at + 16 <= end) {
    const count = tokenBytes(at);
    at += count;
    if (count != 16) return at;
  }
  while (at < end && isTokenByte(load<u8>(at))) at++;
  return at;
}

/** First byte in [at, end) that may not stand in a field value, or `end`. Reads nothing outside the run. */
export function skipValue(at: usize, end: usize): usize {
  while (at + 16 <= end) {
    const bytes = v128.load(at);
    const controls = v128.andnot(i8x16.lt_u(bytes, i8x16.splat(0x20)), i8x16.eq(bytes, i8x16.splat(0x09)));
    const foreign = i8x16.bitmask(v128.or(controls, i8x16.eq(bytes, i8x16.splat(0x7f))));
    if (foreign != 0) return at + ctz(foreign);
    at += 16;
  }
  while (at < end && isValueByte(load<u8>(at))) at++;
  return at;
}

export function isToken(pointer: usize, length: u32): bool {
  return length != 0 && skipToken(pointer, pointer + length) == pointer + length;
}

export function isFieldValue(pointer: usize, length: u32): bool {
  return skipValue(pointer, pointer + length) == pointer + length;
}

/**
 * A request target holds visible ASCII only: no space, no control, no raw multi-byte text (RFC 9112 section 3.2).
 * `refused` is one more byte that it may not hold.
 */
export function isTarget(pointer: usize, length: u32, refused: u32 = 0): bool {
  let i: u32 = 0;
  for (; i + 16 <= length; i += 16) {
    const bytes = v128.load(pointer + i);
    const invisible = i8x16.gt_u(i8x16.sub(bytes, i8x16.splat(0x21)), i8x16.splat(0x5d));
    if (v128.any_true(v128.or(invisible, i8x16.eq(bytes, i8x16.splat(<i8>refused))))) return false;
  }
  for (; i < length; i++) {
    const byte = <u32>load<u8>(pointer + i);
    if (byte - 0x21 > 0x5d || byte == refused) return false;
  }
  return length != 0;
}

/** Does the run equal `literal` (ASCII, lower case), whatever its own case? */
export function equalsIgnoreCase(pointer: usize, length: u32, literal: string): bool {
  if (length != <u32>literal.length) return false;
  const expected = changetype<usize>(literal);
  for (let i: u32 = 0; i < length; i++) {
    let byte = <u32>load<u8>(pointer + i);
    if (byte - 0x41 < 26) byte |= 0x20;
    if (byte != <u32>load<u16>(expected + (i << 1))) return false;
  }
  return true;
}

/** Is `literal` (lower case) a member of this comma-separated list (RFC 9110 section 5.6.1)? */
export function listContains(pointer: usize, length: u32, literal: string): bool {
  let i: u32 = 0;
  while (i < length) {
    while (i < length && isListGap(load<u8>(pointer + i))) i++;
    const start = i;
    while (i < length && load<u8>(pointer + i) != 0x2c) i++;
    let end = i;
    while (end > start && isListGap(load<u8>(pointer + end - 1))) end--;
    if (end > start && equalsIgnoreCase(pointer + start, end - start, literal)) return true;
  }
  return false;
}

// @ts-ignore: decorator
@inline
export function isListGap(byte: u32): bool {
  return byte == 0x20 || byte == 0x09 || byte == 0x2c;
}

/** The number that the run spells, or -1 when it is no number of digits alone up to 2^53 - 1 (RFC 9110 section 8.6). */
export function decimal(pointer: usize, length: u32): i64 {
  if (length == 0) return -1;
  let value: i64 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const digit = <u32>load<u8>(pointer + i) - 0x30;
    if (digit > 9) return -1;
    // Checked at each digit: a long run of them cannot wrap around.
    value = value * 10 + digit;
    if (value > MAX_EXACT) return -1;
  }
  return value;
}

/** 2^53 - 1: beyond it JavaScript would round a length, and two ends could disagree by one byte. */
export const MAX_EXACT: i64 = 9007199254740991;
