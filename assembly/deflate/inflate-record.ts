// The record of an inflater, and how it fails.

import {
  INFLATE_AREA, INFLATE_AREA_END, INFLATE_BYTES, INFLATE_ERROR, INFLATE_FAILED, INFLATE_FLAGS, INFLATE_FLOOR, INFLATE_INPUT, INFLATE_OUTPUT,
  INFLATE_TABLES, INFLATE_WINDOW,
} from "../abi";
import { LENGTHS_BYTES } from "./codes";

// States that end it; those of blocks come before.
export const DONE: u32 = 7;
export const FAILED: u32 = 8;

/** What is under way inside a block. */
export const NOTHING: u32 = 0;
export const ONE_LITERAL: u32 = 1;
export const A_MATCH: u32 = 2;

@unmanaged
export class Inflate {
  hold: u64; //           0  bits that were taken from the input and not used
  bits: u32; //           8  how many
  state: u32; //         12
  input: u32; //         16  where the last call stopped reading …
  output: u32; //        20  … and writing
  inputEnd: u32; //      24
  outputEnd: u32; //     28
  area: u32; //          32  memory of history and output, set by the caller, as are …
  areaEnd: u32; //       36
  floor: u32; //         40  the first byte that a match may reach
  window: u32; //        44  how far back it may reach, in bytes
  tables: u32; //        48
  flags: u32; //         52
  error: u32; //         56
  isLast: u32; //        60  the block is the last one
  isFixed: u32; //       64  its code is the fixed one
  pending: u32; //       68  a literal or a match that the output had no room for …
  length: u32; //        72  … its value or its length; of a stored block the bytes that are still to come
  distance: u32; //      76
  literals: u32; //      80  counts of a dynamic block's head
  distances: u32; //     84
  precodes: u32; //      88
  at: u32; //            92  code lengths that have been read
  check: u32; //         96  of the member so far
  total: u32; //        100  bytes of it, modulo 2^32
  stage: u32; //        104  of the container
  counted: u32; //      108  bytes of that stage
  headCheck: u32; //    112
  headFlags: u32; //    116
  members: u32; //      120  that are complete
  word: u32; //         124  of the trailer
  precode0: u64; //     128  lengths of the code lengths' code, 32 bytes
  precode1: u64;
  precode2: u64;
  precode3: u64;
  //                    160  320 code lengths: 288 of literals and lengths, 32 of distances
}

export const PRECODE_LENGTHS: usize = 128;
export const CODE_LENGTHS: usize = 160;

/** Compile-time proof that the record is where abi.ts says it is. */
export function checkInflateLayout(): void {
  if (
    CODE_LENGTHS + LENGTHS_BYTES != INFLATE_BYTES || offsetof<Inflate>() != CODE_LENGTHS || offsetof<Inflate>("precode0") != PRECODE_LENGTHS ||
    offsetof<Inflate>("input") != INFLATE_INPUT || offsetof<Inflate>("output") != INFLATE_OUTPUT || offsetof<Inflate>("area") != INFLATE_AREA ||
    offsetof<Inflate>("areaEnd") != INFLATE_AREA_END || offsetof<Inflate>("floor") != INFLATE_FLOOR ||
    offsetof<Inflate>("window") != INFLATE_WINDOW || offsetof<Inflate>("tables") != INFLATE_TABLES ||
    offsetof<Inflate>("flags") != INFLATE_FLAGS || offsetof<Inflate>("error") != INFLATE_ERROR
  ) {
    ERROR("assembly/abi.ts and the Inflate record differ");
  }
}

export function fail(r: Inflate, error: u32): u32 {
  r.state = FAILED;
  r.error = error;
  return INFLATE_FAILED;
}
