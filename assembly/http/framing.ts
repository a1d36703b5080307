// How long a body is, and whether the connection lives on (RFC 9112 sections 6.3 and 9.3): one decision for each direction.
//
// Rule 1: what two parsers could read in two ways is refused, for that is how requests and responses are smuggled.
// Rule 2: the order of the checks is that of section 6.3; the first that fails names the error.

import {
  BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_TUNNEL, BODY_UNTIL_CLOSE, CONNECTION_CLOSE, CONNECTION_PERSISTENT, FIELD_BYTES,
  HTTP_ERROR_CONFLICTING_FRAMING, HTTP_ERROR_INVALID_CONTENT_LENGTH, HTTP_ERROR_MALFORMED_HEAD,
  HTTP_ERROR_UNSUPPORTED_TRANSFER_CODING,
  METHOD_CONNECT, METHOD_HEAD,
} from "../abi";
import { findField, Head } from "./head";
import { decimal, equalsIgnoreCase, isListGap, listContains } from "./token";

// Names in lower case, little-endian.
const CONTENT: u64 = 0x2d746e65746e6f63; // content-
const LENGTH: u64 = 0x6874676e656c2d74; // t-length
const TRANSFER: u64 = 0x726566736e617274; // transfer
const ENCODING: u64 = 0x676e69646f636e65; // encoding
const CONNECTI: u64 = 0x697463656e6e6f63;
const NNECTION: u64 = 0x6e6f697463656e6e;
const KEEP_ALI: u64 = 0x696c612d7065656b;
const EP_ALIVE: u64 = 0x6576696c612d7065;

/** Eight bytes with bit 5 set: letters become lower case. No other byte of a token or value becomes a letter or a hyphen. */
// @ts-ignore: decorator
@inline
function lower8(at: usize): u64 {
  return load<u64>(at) | 0x2020202020202020;
}

/** How the body of a response to `method` ends: a BODY number, or an HTTP_ERROR number negated. */
export function responseFraming(record: usize, method: u32): i32 {
  const h = changetype<Head>(record);
  const status = h.status;
  // Items 1 and 2: these have no body whatever their fields say, so framing fields are not even looked at.
  if (method == METHOD_CONNECT && status >= 200 && status < 300) {
    readFields(h, false);
    h.connection = CONNECTION_CLOSE;
    return BODY_TUNNEL;
  }
  if (method == METHOD_HEAD || status < 200 || status == 204 || status == 304) {
    readFields(h, false);
    return BODY_NONE;
  }
  const framing = readFields(h, true);
  if (framing != BODY_NONE) return framing;
  // Item 8: only the end of the connection ends it.
  h.connection = CONNECTION_CLOSE;
  return BODY_UNTIL_CLOSE;
}

/** How the body of a request ends: a BODY number, or an HTTP_ERROR number negated. */
export function requestFraming(record: usize): i32 {
  const h = changetype<Head>(record);
  // RFC 9112 section 3.2: a server must refuse a request of HTTP/1.1 without Host, and any with two.
  const host = findField(record, "host");
  if (host < 0 ? h.minorVersion != 0 : findField(record, "host", host + 1) >= 0) return -HTTP_ERROR_MALFORMED_HEAD;
  return readFields(h, true);
}

/** Content-Length, Transfer-Encoding, Connection and Keep-Alive, found by the lengths of their names. */
function readFields(h: Head, hasBody: bool): i32 {
  let lengths: u32 = 0;
  let codings: u32 = 0;
  let chunked = false;
  let closes = false;
  let keepsAlive = false;
  let contentLength: i64 = -1;
  h.keepAliveTimeout = h.keepAliveMax = -1;
  const end: usize = h.fields + h.fieldCount * FIELD_BYTES;
  for (let field: usize = h.fields; field < end; field += FIELD_BYTES) {
    const nameLength = load<u32>(field, 4);
    if (nameLength != 14 && nameLength != 17 && nameLength != 10) continue;
    const name: usize = load<u32>(field);
    const value: usize = load<u32>(field, 8);
    const valueLength = load<u32>(field, 12);
    // Eight bytes at a time, the last eight over what the first have left; each name has as many.
    const first = lower8(name);
    const last = lower8(name + nameLength - 8);
    if (nameLength == 14) {
      if (!hasBody || first != CONTENT || last != LENGTH) continue;
      lengths++;
      contentLength = decimal(value, valueLength);
    } else if (nameLength == 17) {
      if (!hasBody || first != TRANSFER || last != ENCODING || <u32>load<u8>(name, 8) != 0x2d) continue;
      codings++;
      chunked = equalsIgnoreCase(value, valueLength, "chunked");
    } else if (first == CONNECTI && last == NNECTION) {
      if (valueLength == 10 && lower8(value) == KEEP_ALI && lower8(value + 2) == EP_ALIVE) keepsAlive = true;
      else {
        if (listContains(value, valueLength, "close")) closes = true;
        if (listContains(value, valueLength, "keep-alive")) keepsAlive = true;
      }
    } else if (first == KEEP_ALI && last == EP_ALIVE) {
      readKeepAlive(h, value, valueLength);
    }
  }
  // RFC 9112 section 9.3: close wins, then the version, then keep-alive.
  h.connection = !closes && (h.minorVersion != 0 || keepsAlive) ? CONNECTION_PERSISTENT : CONNECTION_CLOSE;
  h.contentLength = <f64>contentLength;
  if (codings != 0) {
    // Item 3: "ought to be handled as an error". Chunked in HTTP/1.0 is section 6.1's "framing is faulty".
    if (lengths != 0) return -HTTP_ERROR_CONFLICTING_FRAMING;
    if (codings != 1 || !chunked || h.minorVersion == 0) return -HTTP_ERROR_UNSUPPORTED_TRANSFER_CODING;
    return BODY_CHUNKED;
  }
  if (lengths == 0) return BODY_NONE;
  if (lengths != 1) return -HTTP_ERROR_CONFLICTING_FRAMING;
  return contentLength < 0 ? -HTTP_ERROR_INVALID_CONTENT_LENGTH : BODY_LENGTH;
}

/** `timeout=5, max=100` (RFC 2068 section 19.7.1.1, and every server since). A hint: what cannot be read is left out. */
function readKeepAlive(h: Head, value: usize, length: u32): void {
  let i: u32 = 0;
  while (i < length) {
    while (i < length && isListGap(load<u8>(value + i))) i++;
    const start = i;
    while (i < length && <u32>load<u8>(value + i) != 0x2c) i++;
    let end = i;
    while (end > start && isListGap(load<u8>(value + end - 1))) end--;
    if (end > start + 8 && equalsIgnoreCase(value + start, 8, "timeout=")) {
      h.keepAliveTimeout = hint(value + start + 8, end - start - 8);
    } else if (end > start + 4 && equalsIgnoreCase(value + start, 4, "max=")) {
      h.keepAliveMax = hint(value + start + 4, end - start - 4);
    }
  }
}

function hint(pointer: usize, length: u32): i32 {
  return <i32>min<i64>(decimal(pointer, length), i32.MAX_VALUE);
}

/** Fields that may not come as trailers, for they would change how the message is cut (RFC 9110 section 6.5.1). */
export function framesMessage(record: usize): bool {
  const h = changetype<Head>(record);
  const end: usize = h.fields + h.fieldCount * FIELD_BYTES;
  for (let field: usize = h.fields; field < end; field += FIELD_BYTES) {
    const name: usize = load<u32>(field);
    const length = load<u32>(field, 4);
    if (equalsIgnoreCase(name, length, "content-length") || equalsIgnoreCase(name, length, "transfer-encoding")) return true;
  }
  return false;
}
