// The quick way through a response head that has nothing unusual in it: complete, every line a field, no obs-fold, no byte that is refused.
//
// Rule 1: whatever it accepts, http/head.ts accepts with the same result; all else it leaves to that file, which decides what is wrong.
//         So there is one judge, and the tests need no second set of vectors: a head that comes in two reads never goes this way.
// Rule 2: it may read, but never minds, up to CLEAN_OVERREAD bytes behind the run.
//
// First pass: 64 bytes a step, the bit set of those that can only be a line end (a control but HTAB, or DEL); each must be the CR of a
// CR LF. That finds the lines and proves their bytes at once. Second pass: the name of each line; what is left is its value.

import { CLEAN_OVERREAD, FIELD_BYTES } from "../abi";
import { Head, isSpace } from "./head";
import { skipToken, tokenBytes } from "./token";

const CRLF: u32 = 0x0a0d;
const COLON: u32 = 0x3a;
const SP: u32 = 0x20;
const STEP: u32 = CLEAN_OVERREAD + 1;
/** HTTP/1.1, little-endian. */
const VERSION: u64 = 0x312e312f50545448;

/** Length of the head that begins a run of `length` bytes, its lines cut as parseResponseHead does; 0 to leave it to that. */
export function parseCleanHead(h: Head, head: usize, length: u32): u32 {
  if (length < 16 || load<u64>(head) != VERSION) return 0;
  const end = head + length;
  const fields: usize = h.fields;
  const tableEnd = fields + h.fieldCapacity * FIELD_BYTES;
  // Each line's end is kept where the length of its value will be; the status line's on its own.
  let field = fields;
  let statusEnd: usize = 0;
  let line = head;
  let behindCr: u64 = 0; // the first bit of a step, when it is the LF of the last CR
  for (let at = head; at < end; at += STEP) {
    let bits = foreign(at) & ~behindCr;
    behindCr = 0;
    if (end - at < STEP) bits &= (<u64>1 << <u64>(end - at)) - 1;
    while (bits != 0) {
      const cr = at + <usize>ctz(bits);
      if (cr + 2 > end || <u32>load<u16>(cr) != CRLF) return 0;
      if (cr == line) {
        h.fieldCount = <u32>((field - fields) / FIELD_BYTES);
        return cutLines(h, head, statusEnd, field, cr + 2) ? <u32>(cr + 2 - head) : 0;
      }
      if (statusEnd == 0) {
        statusEnd = cr;
      } else {
        if (field == tableEnd) return 0;
        store<u32>(field, <u32>cr, 12);
        field += FIELD_BYTES;
      }
      line = cr + 2;
      bits &= bits - 1;
      if (cr == at + STEP - 1) behindCr = 1;
      else bits &= bits - 1;
    }
  }
  return 0;
}

/** Bit set of the controls but HTAB, and DEL, among the 64 bytes at `at`. */
// @ts-ignore: decorator
@inline
function foreign(at: usize): u64 {
  return foreign16(at) | (foreign16(at + 16) << 16) | (foreign16(at + 32) << 32) | (foreign16(at + 48) << 48);
}

// @ts-ignore: decorator
@inline
function foreign16(at: usize): u64 {
  const bytes = v128.load(at);
  const controls = v128.andnot(i8x16.lt_u(bytes, i8x16.splat(0x20)), i8x16.eq(bytes, i8x16.splat(0x09)));
  return <u64>i8x16.bitmask(v128.or(controls, i8x16.eq(bytes, i8x16.splat(0x7f))));
}

/** Cuts the status line and the lines whose ends are in the table; false when one is not plain. Their bytes have been proved. */
function cutLines(h: Head, head: usize, statusEnd: usize, tableEnd: usize, end: usize): bool {
  // "HTTP/1.1 200 " and a reason.
  if (statusEnd < head + 13 || <u32>load<u8>(head, 8) != SP || <u32>load<u8>(head, 12) != SP) return false;
  const hundreds = <u32>load<u8>(head, 9) - 0x30;
  const tens = <u32>load<u8>(head, 10) - 0x30;
  const ones = <u32>load<u8>(head, 11) - 0x30;
  if (hundreds - 1 > 8 || tens > 9 || ones > 9) return false;
  h.minorVersion = 1;
  h.status = hundreds * 100 + tens * 10 + ones;
  h.reason = <u32>head + 13;
  h.reasonLength = <u32>(statusEnd - head) - 13;
  let name = statusEnd + 2;
  for (let field: usize = h.fields; field < tableEnd; field += FIELD_BYTES) {
    const lineEnd: usize = load<u32>(field, 12);
    // Most names end within 16 bytes.
    let colon = name + tokenBytes(name);
    if (colon == name + 16) colon = skipToken(colon, end);
    if (colon == name || <u32>load<u8>(colon) != COLON) return false;
    // White space ends at the CR at the latest.
    let value = colon + 1;
    while (isSpace(load<u8>(value))) value++;
    let valueEnd = lineEnd;
    while (valueEnd > value && isSpace(load<u8>(valueEnd - 1))) valueEnd--;
    store<u32>(field, <u32>name);
    store<u32>(field, <u32>(colon - name), 4);
    store<u32>(field, <u32>value, 8);
    store<u32>(field, <u32>(valueEnd - value), 12);
    name = lineEnd + 2;
  }
  return true;
}
