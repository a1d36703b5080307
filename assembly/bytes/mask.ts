// Masking (RFC 6455 section 5.3): byte i of the payload is XORed with byte i mod 4 of the key.

/**
 * Masks `length` bytes from `source` to `target` with `key` as it lies in memory (little-endian word).
 * `target` may equal `source`, or lie below it, and nothing outside the two runs is touched.
 *
 * The last step ends where the run ends and covers again what the steps before have done; its bytes are loaded before anything is
 * stored, so that what they get twice is the same.
 */
export function maskCopy(target: usize, source: usize, length: usize, key: u32): void {
  if (length >= 16) {
    const last = length - 16;
    const tail = v128.xor(v128.load(source + last), i32x4.splat(rotateKey(key, <u32>length)));
    const wide = i32x4.splat(key);
    let i: usize = 0;
    for (; i + 64 <= last; i += 64) {
      v128.store(target + i, v128.xor(v128.load(source + i), wide));
      v128.store(target + i, v128.xor(v128.load(source + i, 16), wide), 16);
      v128.store(target + i, v128.xor(v128.load(source + i, 32), wide), 32);
      v128.store(target + i, v128.xor(v128.load(source + i, 48), wide), 48);
    }
    for (; i < last; i += 16) v128.store(target + i, v128.xor(v128.load(source + i), wide));
    v128.store(target + last, tail);
  } else if (length >= 8) {
    const wide = <u64>key | (<u64>key << 32);
    const tail = load<u64>(source + length - 8) ^ rotr<u64>(wide, <u64>((length & 3) << 3));
    store<u64>(target, load<u64>(source) ^ wide);
    store<u64>(target + length - 8, tail);
  } else if (length >= 4) {
    const tail = load<u32>(source + length - 4) ^ rotateKey(key, <u32>length);
    store<u32>(target, load<u32>(source) ^ key);
    store<u32>(target + length - 4, tail);
  } else {
    for (let i: usize = 0; i < length; i++) store<u8>(target + i, load<u8>(source + i) ^ (key >> (<u32>i << 3)));
  }
}

/** The key as it applies from payload offset `offset` on. */
export function rotateKey(key: u32, offset: u32): u32 {
  return rotr<u32>(key, (offset & 3) << 3);
}
