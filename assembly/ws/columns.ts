// Descriptors as columns: a word for each message's place, a word for its length, a byte for its kind.

import { DESCRIPTOR_BYTES, DESCRIPTOR_KIND_MASK, DESCRIPTOR_LENGTH_SHIFT, OPCODE_BINARY } from "../abi";

/**
 * Unpacks up to `count` descriptors, from `entry` on, and ends before the first that is not a whole message in place, or is a close frame. Places count from
 * `base`. Returns how many it unpacked.
 */
export function readerColumns(entry: usize, count: u32, base: u32, offsets: usize, lengths: usize, kinds: usize): u32 {
  const bases = i32x4.splat(base);
  let done: u32 = 0;
  for (; done + 4 <= count; done += 4) {
    const first = v128.load(entry);
    const second = v128.load(entry, 4 * sizeof<u32>());
    const words = v128.shuffle<u32>(first, second, 1, 3, 5, 7);
    if (!i32x4.all_true(v128.lt<u32>(i32x4.sub(v128.and(words, i32x4.splat(7)), i32x4.splat(1)), i32x4.splat(OPCODE_BINARY)))) break;
    v128.store(offsets + (done << 2), i32x4.sub(v128.shuffle<u32>(first, second, 0, 2, 4, 6), bases));
    v128.store(lengths + (done << 2), i32x4.shr_u(words, DESCRIPTOR_LENGTH_SHIFT));
    const kind = v128.and(words, i32x4.splat(DESCRIPTOR_KIND_MASK));
    store<u32>(kinds + done, i32x4.extract_lane(v128.shuffle<u8>(kind, kind, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12), 0));
    entry += 4 * DESCRIPTOR_BYTES;
  }
  for (; done < count; done++) {
    const word = load<u32>(entry, 4);
    if (!isWhole(word)) break;
    store<u32>(offsets + (done << 2), load<u32>(entry) - base);
    store<u32>(lengths + (done << 2), word >> DESCRIPTOR_LENGTH_SHIFT);
    store<u8>(kinds + done, word & DESCRIPTOR_KIND_MASK);
    entry += DESCRIPTOR_BYTES;
  }
  return done;
}

/** Text, binary, ping or pong: the kinds that end in 1 or 2, as no other does. */
// @ts-ignore: decorator
@inline
function isWhole(word: u32): bool {
  return (word & 7) - 1 < <u32>OPCODE_BINARY;
}
