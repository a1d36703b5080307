// The record of a deflater, and what all who write to its output share.

import {
  COMPRESS_BUFFER, COMPRESS_BUFFER_END, COMPRESS_BYTES, COMPRESS_FLAGS, COMPRESS_HASHES, COMPRESS_HASH_BITS,
  COMPRESS_INPUT, COMPRESS_NEEDED, COMPRESS_OUTPUT, COMPRESS_TABLES, COMPRESS_TOKENS, COMPRESS_TOKENS_END, COMPRESS_WINDOW,
} from "../abi";
import { HUFFMAN_SCRATCH_BYTES } from "./huffman";

/** Bytes that writing may touch behind what it writes. */
const WRITE_SLACK: u32 = 8;

@unmanaged
export class Compress {
  hold: u64; //           0  bits that do not fill a byte yet
  bits: u32; //           8
  stage: u32; //         12
  input: u32; //         16  where the last call stopped reading …
  output: u32; //        20  … and writing
  inputEnd: u32; //      24
  outputEnd: u32; //     28
  buffer: u32; //        32  memory of history and input, set by the caller, as are …
  bufferEnd: u32; //     36
  hashes: u32; //        40  of each hash the last place, half-words
  tokens: u32; //        44  what the block consists of, half-words
  tokensEnd: u32; //     48
  tables: u32; //        52  those that all share
  window: u32; //        56
  hashBits: u32; //      60
  flags: u32; //         64
  needed: u32; //        68  bytes of output that a call needs which had too few
  floor: u32; //         72
  blockStart: u32; //    76  0 when it has left the buffer
  position: u32; //      80
  filled: u32; //        84
  token: u32; //         88  where the next one goes
  bias: u32; //          92  a place is an address and this
  check: u32; //         96
  total: u32; //        100
  runs: u32; //         104  of code lengths
  literals: u32; //     108  code lengths that are sent
  distances: u32; //    112
  precodes: u32; //     116
}

// What lies behind the record's fields.
export const LITERAL_COUNTS: usize = 128; //   288 words
export const DISTANCE_COUNTS: usize = 1280; //  32 words
export const PRECODE_COUNTS: usize = 1408; //   32 words
export const LITERAL_CODES: usize = 1536; //   288 words
export const DISTANCE_CODES: usize = 2688; //   32 words
export const PRECODE_CODES: usize = 2816; //    32 words
export const CODE_LENGTHS: usize = 2944; //    288 and 32 bytes
export const PRECODE_LENGTHS: usize = 3264; //  32 bytes
export const RUNS: usize = 3296; //            320 half-words: a symbol, and the value of its extra bits
export const SCRATCH: usize = 3936;

/** Compile-time proof that the record is where abi.ts says it is. */
export function checkCompressLayout(): void {
  if (
    SCRATCH + HUFFMAN_SCRATCH_BYTES != COMPRESS_BYTES || offsetof<Compress>() > LITERAL_COUNTS ||
    offsetof<Compress>("input") != COMPRESS_INPUT || offsetof<Compress>("output") != COMPRESS_OUTPUT ||
    offsetof<Compress>("buffer") != COMPRESS_BUFFER || offsetof<Compress>("bufferEnd") != COMPRESS_BUFFER_END ||
    offsetof<Compress>("hashes") != COMPRESS_HASHES ||
    offsetof<Compress>("tokens") != COMPRESS_TOKENS || offsetof<Compress>("tokensEnd") != COMPRESS_TOKENS_END ||
    offsetof<Compress>("tables") != COMPRESS_TABLES || offsetof<Compress>("window") != COMPRESS_WINDOW ||
    offsetof<Compress>("hashBits") != COMPRESS_HASH_BITS || 
    offsetof<Compress>("flags") != COMPRESS_FLAGS || offsetof<Compress>("needed") != COMPRESS_NEEDED
  ) {
    ERROR("assembly/abi.ts and the Compress record differ");
  }
}

export function beginBlock(r: Compress): void {
  r.token = r.tokens;
  r.blockStart = r.position;
  memory.fill(changetype<usize>(r) + LITERAL_COUNTS, 0, DISTANCE_COUNTS + 128 - LITERAL_COUNTS);
}

export function hasRoom(r: Compress, bytes: u32): bool {
  r.needed = bytes + WRITE_SLACK;
  return r.outputEnd - r.output >= bytes + WRITE_SLACK;
}

/** Ends the byte under way with zeros. */
export function fillByte(r: Compress): void {
  store<u64>(r.output, r.hold);
  r.output += (r.bits + 7) >> 3;
  r.hold = 0;
  r.bits = 0;
}

/** At most 32 bits. */
export function put(r: Compress, value: u32, bits: u32): void {
  r.hold |= (<u64>value) << r.bits;
  r.bits += bits;
  store<u64>(r.output, r.hold);
  const whole = r.bits >> 3;
  r.output += whole;
  r.hold >>= whole << 3;
  r.bits &= 7;
}
