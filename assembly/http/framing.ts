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
    if (nameLength == 14) {
      if (!hasBody || !equalsIgnoreCase(name, 14, "content-length")) continue;
      lengths++;
      contentLength = decimal(value, valueLength);
    } else if (nameLength == 17) {
      if (!hasBody || !equalsIgnoreCase(name, 17, "transfer-encoding")) continue;
      codings++;
      chunked = equalsIgnoreCase(value, valueLength, "chunked");
    } else if (equalsIgnoreCase(name, 10, "connection")) {
      if (listContains(value, valueLength, "close")) closes = true;
      if (listContains(value, valueLength, "keep-alive")) keepsAlive = true;
    } else if (equalsIgnoreCase(name, 10, "keep-alive")) {
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
