// The frame writer (RFC 6455 section 5.2): header and masked payload, appended to an outbound buffer.


import { maskCopy } from "../bytes/mask";

/** Header bytes of a frame. */
// @ts-ignore: decorator
@inline
function headerBytes(length: u32, masked: bool): u32 {
  return (length < 126 ? 2 : length < 65536 ? 4 : 10) + (masked ? 4 : 0);
}

/**
 * Writes a header at `at` for a payload of `length` bytes; `first` is FIN and opcode, `key` the mask as it lies in memory.
 * Returns the header's length.
 */
export function writeHeader(at: usize, first: u32, length: u32, masked: bool, key: u32): u32 {
  const bit: u32 = masked ? 0x80 : 0;
  store<u8>(at, first);
  let size: u32 = 2;
  if (length < 126) {
    store<u8>(at, bit | length, 1);
  } else if (length < 65536) {
    store<u8>(at, bit | 126, 1);
    store<u16>(at, bswap<u16>(<u16>length), 2);
    size = 4;
  } else {
    store<u8>(at, bit | 127, 1);
    store<u64>(at, bswap<u64>(length), 2);
    size = 10;
  }
  if (masked) {
    store<u32>(at + size, key);
    size += 4;
  }
  return size;
}

/**
 * Appends one whole frame at `at`. The payload lies at `source`, which is either outside the frame or at
 * `at + MAX_FRAME_HEADER` (abi.ts) (where it was staged before its header's length was known). Returns the frame's length.
 */
export function writeFrame(at: usize, source: usize, length: u32, first: u32, masked: bool, key: u32): u32 {
  const size = headerBytes(length, masked);
  // Payload first: a staged payload may begin where the header is going to end.
  if (masked) {
    maskCopy(at + size, source, length, key);
  } else if (at + size != source) {
    memory.copy(at + size, source, length);
  }
  writeHeader(at, first, length, masked, key);
  return size + length;
}

