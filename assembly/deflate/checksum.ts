// The checksums of gzip (CRC-32, RFC 1952 section 8) and of zlib (Adler-32, RFC 1950 section 9).

/** Table n gives what a byte does that stands n bytes in front of the last one. */
const TABLE: usize = 1024;
const ADLER_MODULUS: u32 = 65521;
/** Most bytes after which the sums have to be reduced: a 32-bit word holds as many. */
const ADLER_RUN: usize = 5552;

/** Makes the eight tables of CRC-32 at `tables`. */
export function makeCrcTables(tables: usize): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320 : 0);
    store<u32>(tables + ((<usize>i) << 2), value);
  }
  for (let at = tables; at < tables + 7 * TABLE; at += 4) {
    const value = load<u32>(at);
    store<u32>(at + TABLE, (value >> 8) ^ load<u32>(tables + ((<usize>value & 0xff) << 2)));
  }
}

/** Where the lowest byte of a word stands in the first table. */
// @ts-ignore: decorator
@inline
function entry(tables: usize, value: u32): usize {
  return tables + ((<usize>value & 0xff) << 2);
}

/** CRC-32 over a run, eight bytes a step; `crc` is 0 in the beginning. */
export function crc32(tables: usize, crc: u32, from: usize, to: usize): u32 {
  let value = ~crc;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    const low = load<u32>(at) ^ value;
    const high = load<u32>(at, 4);
    // Which table it is stands in the instruction: it costs nothing to say.
    value =
      load<u32>(entry(tables, low), 7 * TABLE) ^ load<u32>(entry(tables, low >> 8), 6 * TABLE) ^
      load<u32>(entry(tables, low >> 16), 5 * TABLE) ^ load<u32>(entry(tables, low >> 24), 4 * TABLE) ^
      load<u32>(entry(tables, high), 3 * TABLE) ^ load<u32>(entry(tables, high >> 8), 2 * TABLE) ^
      load<u32>(entry(tables, high >> 16), TABLE) ^ load<u32>(entry(tables, high >> 24));
  }
  for (; at < to; at++) value = (value >> 8) ^ load<u32>(entry(tables, value ^ load<u8>(at)));
  return ~value;
}

/** Adler-32 over a run, 16 bytes a step; `adler` is 1 in the beginning. */
export function adler32(adler: u32, from: usize, to: usize): u32 {
  let a = adler & 0xffff;
  let b = adler >> 16;
  let at = from;
  const weights = i16x8(16, 15, 14, 13, 12, 11, 10, 9);
  const more = i16x8(8, 7, 6, 5, 4, 3, 2, 1);
  while (at < to) {
    const stop = min<usize>(to, at + ADLER_RUN);
    if (at + 16 <= stop) {
      let sums = i32x4.splat(0); // of bytes
      let before = i32x4.splat(0); // of those sums, before each step
      let weighted = i32x4.splat(0);
      const steps = <u32>((stop - at) >> 4);
      for (let i: u32 = 0; i < steps; i++, at += 16) {
        const bytes = v128.load(at);
        before = i32x4.add(before, sums);
        sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bytes)));
        weighted = i32x4.add(weighted, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(bytes), weights));
        weighted = i32x4.add(weighted, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(bytes), more));
      }
      b += (steps * a) << 4;
      b += (sum(before) << 4) + sum(weighted);
      a += sum(sums);
    }
    for (; at < stop; at++) {
      a += load<u8>(at);
      b += a;
    }
    a %= ADLER_MODULUS;
    b %= ADLER_MODULUS;
  }
  return (b << 16) | a;
}

// @ts-ignore: decorator
@inline
function sum(words: v128): u32 {
  return i32x4.extract_lane(words, 0) + i32x4.extract_lane(words, 1) + i32x4.extract_lane(words, 2) + i32x4.extract_lane(words, 3);
}
