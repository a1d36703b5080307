// Huffman codes for what is sent: code lengths from frequencies, codes from lengths (RFC 1951 section 3.2.2).

/** Symbols of the largest alphabet. */
const MOST_SYMBOLS: usize = 288;
/** Bytes of working memory: a key for each symbol, and its frequency or depth. */
export const HUFFMAN_SCRATCH_BYTES: usize = MOST_SYMBOLS * 8 + 64;
const WEIGHTS: usize = MOST_SYMBOLS * 4;
const COUNTS: usize = MOST_SYMBOLS * 8;
const LONGEST: u32 = 15;

/**
 * Code lengths of at most `longest` bits for `count` symbols, as bytes at `lengths`. At least two symbols get one, as some decoders want it;
 * their frequencies must be below 2^22. Behind the last one there are zeros up to a multiple of four, and lengths of 0 are written up to one of 16.
 */
export function makeLengths(frequencies: usize, count: u32, longest: u32, lengths: usize, scratch: usize): void {
  for (let i: usize = 0; i < <usize>count; i += 16) v128.store(lengths + i, i32x4.splat(0));
  let used: u32 = 0;
  // Most symbols do not occur.
  for (let from: u32 = 0; from < count; from += 4) {
    if (!v128.any_true(v128.load(frequencies + ((<usize>from) << 2)))) continue;
    for (let symbol = from; symbol < from + 4; symbol++) {
      const frequency = load<u32>(frequencies + ((<usize>symbol) << 2));
      if (frequency != 0) store<u32>(scratch + ((<usize>(used++)) << 2), (frequency << 9) | symbol);
    }
  }
  for (let symbol: u32 = 0; used < 2; symbol++) {
    if (load<u32>(frequencies + ((<usize>symbol) << 2)) == 0) store<u32>(scratch + ((<usize>(used++)) << 2), (1 << 9) | symbol);
  }
  sortKeys(scratch, used);
  const weights = scratch + WEIGHTS;
  for (let i: usize = 0; i < <usize>used; i++) store<u32>(weights + (i << 2), load<u32>(scratch + (i << 2)) >> 9);
  makeDepths(weights, used);

  const counts = scratch + COUNTS;
  for (let i: usize = 0; i < 64; i += 4) store<u32>(counts + i, 0);
  // Codes that would be too long get the longest that may be; that takes more than there is, so others give.
  let taken: u32 = 0;
  for (let i: usize = 0; i < <usize>used; i++) {
    const depth = min(load<u32>(weights + (i << 2)), longest);
    const at = counts + ((<usize>depth) << 2);
    store<u32>(at, load<u32>(at) + 1);
    taken += 1 << (longest - depth);
  }
  const all: u32 = 1 << longest;
  while (taken > all) {
    let bits = longest - 1;
    while (load<u32>(counts + ((<usize>bits) << 2)) == 0) bits--;
    const at = counts + ((<usize>bits) << 2);
    store<u32>(at, load<u32>(at) - 1);
    store<u32>(at, load<u32>(at, 4) + 2, 4);
    const last = counts + ((<usize>longest) << 2);
    store<u32>(last, load<u32>(last) - 1);
    taken--;
  }
  // The rarest symbols come first, and get the longest codes.
  let at = scratch;
  for (let bits = longest; bits != 0; bits--) {
    for (let many = load<u32>(counts + ((<usize>bits) << 2)); many != 0; many--, at += 4) {
      store<u8>(lengths + (load<u32>(at) & 511), <u8>bits);
    }
  }
}

/**
 * Canonical codes from lengths, each a word: the code with its first bit lowest, and its bits in the upper half. Of `count` symbols, a multiple of 16;
 * those without a length get none, and nobody asks for it.
 */
export function makeCodes(lengths: usize, count: u32, codes: usize, scratch: usize): void {
  const next = scratch;
  for (let i: usize = 0; i < 64; i += 16) v128.store(next + i, i32x4.splat(0));
  for (let from: usize = 0; from < <usize>count; from += 16) {
    for (let used = usedOf(lengths + from); used != 0; used &= used - 1) {
      const at = next + ((<usize>load<u8>(lengths + from + ctz(used))) << 2);
      store<u32>(at, load<u32>(at) + 1);
    }
  }
  let code: u32 = 0;
  for (let bits: u32 = 1; bits <= LONGEST; bits++) {
    const at = next + ((<usize>bits) << 2);
    const many = load<u32>(at);
    code <<= 1;
    store<u32>(at, code);
    code += many;
  }
  for (let from: usize = 0; from < <usize>count; from += 16) {
    for (let used = usedOf(lengths + from); used != 0; used &= used - 1) {
      const symbol = from + ctz(used);
      const bits = <u32>load<u8>(lengths + symbol);
      const at = next + ((<usize>bits) << 2);
      const own = load<u32>(at);
      store<u32>(at, own + 1);
      store<u32>(codes + (symbol << 2), (reverse(own) >> (32 - bits)) | (bits << 16));
    }
  }
}

/** A bit for each of 16 bytes that is not 0. */
// @ts-ignore: decorator
@inline
export function usedOf(bytes: usize): u32 {
  return 0xffff & ~i8x16.bitmask(v128.eq<i8>(v128.load(bytes), i8x16.splat(0)));
}

function reverse(value: u32): u32 {
  let v = ((value >> 1) & 0x55555555) | ((value & 0x55555555) << 1);
  v = ((v >> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  return bswap<u32>(v);
}

/** Sorts keys, smallest first, by inserting at shrinking distances. */
function sortKeys(keys: usize, count: u32): void {
  for (let gap: u32 = 57; gap != 0; gap = gap == 57 ? 23 : gap == 23 ? 10 : gap == 10 ? 4 : gap == 4 ? 1 : 0) {
    for (let i = gap; i < count; i++) {
      const key = load<u32>(keys + ((<usize>i) << 2));
      let at = i;
      while (at >= gap) {
        const other = load<u32>(keys + ((<usize>(at - gap)) << 2));
        if (other <= key) break;
        store<u32>(keys + ((<usize>at) << 2), other);
        at -= gap;
      }
      store<u32>(keys + ((<usize>at) << 2), key);
    }
  }
}

// @ts-ignore: decorator
@inline
function at(words: usize, index: i32): i32 {
  return load<i32>(words + ((<usize>index) << 2));
}

// @ts-ignore: decorator
@inline
function put(words: usize, index: i32, value: i32): void {
  store<i32>(words + ((<usize>index) << 2), value);
}

/** Weights, smallest first, become the depths of a Huffman tree, in place (Moffat and Katajainen, 1995). At least two. */
function makeDepths(words: usize, count: u32): void {
  const n = <i32>count;
  put(words, 0, at(words, 0) + at(words, 1));
  let root = 0;
  let leaf = 2;
  for (let next = 1; next < n - 1; next++) {
    if (leaf >= n || at(words, root) < at(words, leaf)) {
      put(words, next, at(words, root));
      put(words, root++, next);
    } else put(words, next, at(words, leaf++));
    if (leaf >= n || (root < next && at(words, root) < at(words, leaf))) {
      put(words, next, at(words, next) + at(words, root));
      put(words, root++, next);
    } else put(words, next, at(words, next) + at(words, leaf++));
  }
  put(words, n - 2, 0);
  for (let next = n - 3; next >= 0; next--) put(words, next, at(words, at(words, next)) + 1);
  let free = 1;
  let inner = 0;
  let depth = 0;
  root = n - 2;
  let next = n - 1;
  while (free > 0) {
    while (root >= 0 && at(words, root) == depth) {
      inner++;
      root--;
    }
    while (free > inner) {
      put(words, next--, depth);
      free--;
    }
    free = inner << 1;
    depth++;
    inner = 0;
  }
}
