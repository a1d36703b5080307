// Base64 (RFC 4648 section 4), for the two handshake fields.

/** Writes the base64 of `length` bytes at `source` to `target`, padded. Returns the number of characters. */
export function base64Encode(target: usize, source: usize, length: u32): u32 {
  let out = target;
  let i: u32 = 0;
  for (; i + 3 <= length; i += 3) {
    const bits = (<u32>load<u8>(source + i) << 16) | (<u32>load<u8>(source + i, 1) << 8) | load<u8>(source + i, 2);
    store<u8>(out, character(bits >> 18));
    store<u8>(out, character((bits >> 12) & 63), 1);
    store<u8>(out, character((bits >> 6) & 63), 2);
    store<u8>(out, character(bits & 63), 3);
    out += 4;
  }
  const rest = length - i;
  if (rest) {
    const bits = (<u32>load<u8>(source + i) << 16) | (rest == 2 ? <u32>load<u8>(source + i, 1) << 8 : 0);
    store<u8>(out, character(bits >> 18));
    store<u8>(out, character((bits >> 12) & 63), 1);
    store<u8>(out, rest == 2 ? character((bits >> 6) & 63) : 0x3d, 2);
    store<u8>(out, 0x3d, 3);
    out += 4;
  }
  return <u32>(out - target);
}

function character(value: u32): u32 {
  if (value < 26) return 0x41 + value;
  if (value < 52) return 0x61 + value - 26;
  if (value < 62) return 0x30 + value - 52;
  return value == 62 ? 0x2b : 0x2f;
}
