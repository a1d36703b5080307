// The frame writer (RFC 6455 section 5.2): header and masked payload, appended to an outbound buffer.
//
// Rule 1: nothing is written at or behind `end`. A frame that does not fit is refused whole, whatever the caller has made sure of:
//         behind the buffer lies another connection's memory.

import { maskCopy } from "../bytes/mask";

/** Header bytes of a frame, less its mask. */
// @ts-ignore: decorator
@inline
function plainHeaderBytes(length: u32): u32 {
  return length < 126 ? 2 : length < 65536 ? 4 : 10;
}

/**
 * Writes a header at `at` for a payload of `length` bytes; `first` is FIN and opcode, `key` the mask as it lies in memory.
 * Returns the header's length, 0 when it does not fit before `end`.
 */
export function writeHeader(at: usize, end: usize, first: u32, length: u32, masked: bool, key: u32): u32 {
  const plain = plainHeaderBytes(length);
  const size = plain + (masked ? 4 : 0);
  if (<u64>at + size > <u64>end) return 0;
  putHeader(at, first, length, masked ? 0x80 : 0);
  if (masked) store<u32>(at + plain, key);
  return size;
}

/** Opcode and length, without the mask. */
// @ts-ignore: decorator
@inline
function putHeader(at: usize, first: u32, length: u32, bit: u32): void {
  if (length < 126) {
    store<u16>(at, first | ((bit | length) << 8));
  } else if (length < 65536) {
    store<u16>(at, first | ((bit | 126) << 8));
    store<u16>(at, bswap<u16>(<u16>length), 2);
  } else {
    store<u16>(at, first | ((bit | 127) << 8));
    store<u64>(at, bswap<u64>(length), 2);
  }
}

/**
 * Appends one whole frame at `at`. The payload lies at `source`, which is either outside the frame or at
 * `at + MAX_FRAME_HEADER` (abi.ts) (where it was staged before its header's length was known). Returns the frame's length, 0 when it
 * does not fit before `end`.
 */
export function writeFrame(at: usize, end: usize, source: usize, length: u32, first: u32, masked: bool, key: u32): u32 {
  const plain = plainHeaderBytes(length);
  const size = plain + (masked ? 4 : 0);
  // In 64 bits, so that no length wraps around; an `at` behind the end is one that has no room either.
  if (<u64>at + size + length > <u64>end) return 0;
  // Payload first: a staged payload may begin where the header is going to end.
  if (masked) {
    maskCopy(at + size, source, length, key);
    putHeader(at, first, length, 0x80);
    store<u32>(at + plain, key);
  } else {
    if (at + size != source) memory.copy(at + size, source, length);
    putHeader(at, first, length, 0);
  }
  return size + length;
}
