// HTTP/1.1 message heads (RFC 9112 sections 2 to 5): find the end, then cut the lines into places.
//
// Strict: every line ends in CRLF, no byte is skipped unseen. What RFC 9112 leaves open is decided as the table in
// docs/architecture.md says: obs-fold becomes spaces, HTTP/1.x above 1.1 reads as 1.1, an empty reason may lack its space.

import {
  FIELD_BYTES, HEAD_CONNECTION, HEAD_CONTENT_LENGTH, HEAD_FIELD_CAPACITY, HEAD_FIELD_COUNT, HEAD_FIELDS, HEAD_INCOMPLETE,
  HEAD_KEEP_ALIVE_MAX, HEAD_KEEP_ALIVE_TIMEOUT, HEAD_MALFORMED, HEAD_METHOD, HEAD_METHOD_LENGTH, HEAD_MINOR_VERSION, HEAD_REASON,
  HEAD_REASON_LENGTH, HEAD_RECORD_BYTES, HEAD_STATUS, HEAD_TARGET, HEAD_TARGET_LENGTH, HEAD_TOO_MANY_FIELDS,
  HEAD_UNSUPPORTED_VERSION,
} from "../abi";
import { equalsIgnoreCase, isTarget, skipToken, skipValue } from "./token";

const CR: u32 = 0x0d;
const LF: u32 = 0x0a;
/** CR LF as a little-endian word. */
const CRLF: u32 = 0x0a0d;
const SP: u32 = 0x20;
const HTAB: u32 = 0x09;

@unmanaged
export class Head {
  fields: u32; //         0  field table, set by the caller
  fieldCapacity: u32; //  4
  fieldCount: u32; //     8
  minorVersion: u32; //  12  0 for HTTP/1.0, else 1
  status: u32; //        16  of a response
  reason: u32; //        20
  reasonLength: u32; //  24
  method: u32; //        28  of a request
  methodLength: u32; //  32
  target: u32; //        36
  targetLength: u32; //  40
  // What http/framing.ts makes of the fields.
  connection: u32; //        44  may the connection be used again?
  contentLength: f64; //     48  -1 for none
  keepAliveTimeout: i32; //  56  seconds, -1 for none
  keepAliveMax: i32; //      60  requests, -1 for none
}

/** Compile-time proof that the record is where abi.ts says it is. */
export function checkHeadLayout(): void {
  if (
    offsetof<Head>() != HEAD_RECORD_BYTES || offsetof<Head>("fields") != HEAD_FIELDS ||
    offsetof<Head>("fieldCapacity") != HEAD_FIELD_CAPACITY || offsetof<Head>("fieldCount") != HEAD_FIELD_COUNT ||
    offsetof<Head>("minorVersion") != HEAD_MINOR_VERSION || offsetof<Head>("status") != HEAD_STATUS ||
    offsetof<Head>("reason") != HEAD_REASON || offsetof<Head>("reasonLength") != HEAD_REASON_LENGTH ||
    offsetof<Head>("method") != HEAD_METHOD || offsetof<Head>("methodLength") != HEAD_METHOD_LENGTH ||
    offsetof<Head>("target") != HEAD_TARGET || offsetof<Head>("targetLength") != HEAD_TARGET_LENGTH ||
    offsetof<Head>("connection") != HEAD_CONNECTION || offsetof<Head>("contentLength") != HEAD_CONTENT_LENGTH ||
    offsetof<Head>("keepAliveTimeout") != HEAD_KEEP_ALIVE_TIMEOUT || offsetof<Head>("keepAliveMax") != HEAD_KEEP_ALIVE_MAX
  ) {
    ERROR("assembly/abi.ts and the Head record differ");
  }
}

/**
 * Length of the head that starts at `head`, its blank line included; HEAD_INCOMPLETE, or HEAD_MALFORMED at the first LF without
 * its CR. `scanned` bytes were seen by an earlier call and are not looked at again, so that a slow head costs linear time.
 */
export function headScan(head: usize, length: u32, scanned: u32): i32 {
  let i = scanned;
  for (; i + 16 <= length; i += 16) {
    let feeds = i8x16.bitmask(i8x16.eq(v128.load(head + i), i8x16.splat(<i8>LF)));
    for (; feeds != 0; feeds &= feeds - 1) {
      const end = lineEnd(head, i + ctz(feeds));
      if (end != HEAD_INCOMPLETE) return end;
    }
  }
  for (; i < length; i++) {
    if (<u32>load<u8>(head + i) != LF) continue;
    const end = lineEnd(head, i);
    if (end != HEAD_INCOMPLETE) return end;
  }
  return HEAD_INCOMPLETE;
}

/** What the LF at index `i` ends: the head (its length), a line of it (HEAD_INCOMPLETE), or nothing that may be (HEAD_MALFORMED). */
// @ts-ignore: decorator
@inline
function lineEnd(head: usize, i: u32): i32 {
  if (i == 0 || <u32>load<u8>(head + i - 1) != CR) return HEAD_MALFORMED;
  if (i >= 3 && <u32>load<u8>(head + i - 2) == LF) return i + 1;
  return i == 1 ? HEAD_MALFORMED : HEAD_INCOMPLETE; // a head cannot begin with an empty line
}

/** Could these first bytes begin a response? False as soon as they cannot, so that a stray protocol fails at once. */
export function startsLikeResponse(head: usize, length: u32): bool {
  const expected = changetype<usize>("HTTP/1.");
  const count = min<u32>(length, 7);
  for (let i: u32 = 0; i < count; i++) {
    if (<u32>load<u8>(head + i) != <u32>load<u16>(expected + (i << 1))) return false;
  }
  return true;
}

/** Do five bytes say HTTP and a slash? Then what follows is a version, and perhaps none of ours. */
export function isHttpName(at: usize): bool {
  return load<u32>(at) == 0x50545448 && <u32>load<u8>(at, 4) == 0x2f;
}

/** Cuts a complete response head. Returns the field count or a negative HEAD code. */
export function parseResponseHead(record: usize, head: usize, length: u32): i32 {
  const h = changetype<Head>(record);
  if (length < 12 || !version(h, head) || <u32>load<u8>(head, 8) != SP) return HEAD_MALFORMED;
  let status: u32 = 0;
  for (let i: u32 = 9; i < 12; i++) {
    const digit = <u32>load<u8>(head + i) - 0x30;
    if (digit > 9) return HEAD_MALFORMED;
    status = status * 10 + digit;
  }
  if (status < 100) return HEAD_MALFORMED;
  h.status = status;
  let at = head + 12;
  if (<u32>load<u8>(at) == SP) at++;
  else if (<u32>load<u8>(at) != CR) return HEAD_MALFORMED;
  h.reason = <u32>at;
  at = skipValue(at, head + length);
  h.reasonLength = <u32>at - h.reason;
  if (<u32>load<u16>(at) != CRLF) return HEAD_MALFORMED;
  return parseFields(h, at + 2, head + length - 2);
}

/** Cuts a complete request head. Returns the field count or a negative HEAD code. */
export function parseRequestHead(record: usize, head: usize, length: u32): i32 {
  const h = changetype<Head>(record);
  let at = head;
  h.method = <u32>at;
  at = skipToken(at, head + length);
  h.methodLength = <u32>(at - head);
  if (h.methodLength == 0 || <u32>load<u8>(at) != SP) return HEAD_MALFORMED;
  h.target = <u32>++at;
  while (<u32>load<u8>(at) != SP && <u32>load<u8>(at) != CR) at++;
  h.targetLength = <u32>at - h.target;
  if (!isTarget(h.target, h.targetLength) || <u32>load<u8>(at) != SP) return HEAD_MALFORMED;
  at++;
  const left = <u32>(head + length - at);
  if (left >= 7 && isHttpName(at) && !startsLikeResponse(at, 7)) return HEAD_UNSUPPORTED_VERSION;
  if (left < 10 || !version(h, at) || <u32>load<u16>(at, 8) != CRLF) return HEAD_MALFORMED;
  return parseFields(h, at + 10, head + length - 2);
}

/** Index of the next field called `name` (lower case) from `from` on, or -1. */
export function findField(record: usize, name: string, from: u32 = 0): i32 {
  const h = changetype<Head>(record);
  for (let i = from; i < h.fieldCount; i++) {
    const field = h.fields + i * FIELD_BYTES;
    if (equalsIgnoreCase(load<u32>(field), load<u32>(field, 4), name)) return i;
  }
  return -1;
}

function version(h: Head, at: usize): bool {
  if (!startsLikeResponse(at, 7)) return false;
  const minor = <u32>load<u8>(at, 7) - 0x30;
  if (minor > 9) return false;
  h.minorVersion = minor == 0 ? 0 : 1;
  return true;
}

/**
 * Field lines from `start` to the blank line at `end`. The scan has proved that a CRLF ends each, so no load leaves the head.
 * Returns their number or a negative HEAD code; fieldCount then says how many were good.
 */
export function parseFields(h: Head, start: usize, end: usize): i32 {
  let at = start;
  let count: u32 = 0;
  h.fieldCount = 0;
  while (at < end) {
    if (count == h.fieldCapacity) return HEAD_TOO_MANY_FIELDS;
    const name = at;
    at = skipToken(at, end);
    if (at == name || load<u8>(at) != 0x3a) return HEAD_MALFORMED;
    const nameLength = <u32>(at - name);
    let value = skipSpace(at + 1);
    at = skipValue(value, end);
    if (<u32>load<u16>(at) != CRLF) return HEAD_MALFORMED;
    let valueEnd = at;
    at += 2;
    while (at < end && isSpace(load<u8>(at))) {
      // obs-fold: the line goes on with this value (RFC 9112 section 5.2), its CRLF read as spaces.
      store<u16>(at - 2, 0x2020);
      // While nothing of the value has come, it begins behind the white space.
      if (value == valueEnd) value = at = skipSpace(at);
      at = skipValue(at, end);
      if (<u32>load<u16>(at) != CRLF) return HEAD_MALFORMED;
      valueEnd = at;
      at += 2;
    }
    // Only now: done for each line, a value folded into nothing but white space would be gone through again and again.
    while (valueEnd > value && isSpace(load<u8>(valueEnd - 1))) valueEnd--;
    const field = h.fields + count * FIELD_BYTES;
    store<u32>(field, <u32>name);
    store<u32>(field, nameLength, 4);
    store<u32>(field, <u32>value, 8);
    store<u32>(field, <u32>(valueEnd - value), 12);
    h.fieldCount = ++count;
  }
  return count;
}

/** The white space of RFC 9110 section 5.6.3. */
// @ts-ignore: decorator
@inline
export function isSpace(byte: u32): bool {
  return byte == SP || byte == HTAB;
}

/** First byte from `at` on that is no white space; a CR ends the run at the latest. */
function skipSpace(at: usize): usize {
  while (isSpace(load<u8>(at))) at++;
  return at;
}
