// Masking (RFC 6455 section 5.3): byte i of the payload is XORed with byte i mod 4 of the key.

/**
 * Masks `length` bytes from `source` to `target` with `key` as it lies in memory (little-endian word).
 * `target` may equal `source`, or lie below it: every load happens before the store that could reach it,
 * and nothing outside the two runs is touched.
 */
export function maskCopy(target: usize, source: usize, length: usize, key: u32): void {
  let i: usize = 0;
  if (length >= 16) {
    const wide = i32x4.splat(key);
    for (const last = length - 16; i <= last; i += 16) {
      v128.store(target + i, v128.xor(v128.load(source + i), wide));
    }
  }
  if (length & 8) {
    store<u64>(target + i, load<u64>(source + i) ^ (<u64>key | (<u64>key << 32)));
    i += 8;
  }
  if (length & 4) {
    store<u32>(target + i, load<u32>(source + i) ^ key);
    i += 4;
  }
  for (; i < length; i++) {
    store<u8>(target + i, load<u8>(source + i) ^ (key >> (<u32>(i & 3) << 3)));
  }
}

/** The key as it applies from payload offset `offset` on. */
export function rotateKey(key: u32, offset: u32): u32 {
  return rotr<u32>(key, (offset & 3) << 3);
}
