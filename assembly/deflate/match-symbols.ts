// Lengths and distances of matches as symbols and extra bits (RFC 1951 section 3.2.5), for writing.

/** Index of the symbol of a length, from 0 for 3. */
// @ts-ignore: decorator
@inline
export function lengthSymbol(length: u32): u32 {
  const value = length - 3;
  if (value < 8) return value;
  if (value == 255) return 28;
  const extra = 29 - clz(value);
  return (extra << 2) + (value >> extra);
}

// @ts-ignore: decorator
@inline
export function lengthExtra(symbol: u32): u32 {
  return symbol < 8 || symbol == 28 ? 0 : (symbol - 4) >> 2;
}

// @ts-ignore: decorator
@inline
export function distanceSymbol(distance: u32): u32 {
  const value = distance - 1;
  if (value < 4) return value;
  const extra = 30 - clz(value);
  return (extra << 1) + (value >> extra);
}

// @ts-ignore: decorator
@inline
export function distanceExtra(symbol: u32): u32 {
  return symbol < 4 ? 0 : (symbol - 2) >> 1;
}
