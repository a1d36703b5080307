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

export function isToken(pointer: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) if (!isTokenByte(load<u8>(pointer + i))) return false;
  return length != 0;
}

export function isFieldValue(pointer: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) if (!isValueByte(load<u8>(pointer + i))) return false;
  return true;
}

/** A request target holds visible ASCII only: no space, no control, no raw multi-byte text (RFC 9112 section 3.2). */
export function isTarget(pointer: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    const byte = <u32>load<u8>(pointer + i);
    if (byte <= 0x20 || byte >= 0x7f) return false;
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
function isListGap(byte: u32): bool {
  return byte == 0x20 || byte == 0x09 || byte == 0x2c;
}
