// The request reader: bytes of a connection in, one request head out (RFC 9112). The body is the caller's to cut.
//
//   slab  | head | consumed ... | unparsed .. | spare ....... |
//
// Rule 1: all state lives in the record; a call may stop anywhere and the next one goes on.
// Rule 2: once failed, no further byte is interpreted.

import {
  HEAD_INCOMPLETE, HEAD_TOO_MANY_FIELDS, HEAD_UNSUPPORTED_VERSION, HTTP_ERROR_HEAD_TOO_LARGE, HTTP_ERROR_MALFORMED_HEAD,
  HTTP_ERROR_TOO_MANY_HEADERS, HTTP_ERROR_UNSUPPORTED_VERSION, INCOMING_FAILED, INCOMING_IN_BODY, INCOMING_IN_HEAD, STEP_FAILED,
  STEP_HEAD, STEP_MORE,
} from "../abi";
import { requestFraming } from "./framing";
import { headScan, parseRequestHead } from "./head";
import { fail, Incoming, moveHead } from "./incoming";

/** Looks for a head in what has arrived. Returns STEP_MORE, STEP_HEAD or STEP_FAILED. */
export function requestParse(record: usize): u32 {
  const r = changetype<Incoming>(record);
  if (r.state == INCOMING_FAILED) return STEP_FAILED;
  r.state = INCOMING_IN_HEAD;
  // `interim` counts the one empty line that a server should ignore in front of a request line (RFC 9112 section 2.2).
  if (r.interim == 0 && r.tail != r.input && <u32>load<u8>(r.input) == 0x0d) {
    if (r.tail - r.input == 1) return STEP_MORE;
    if (<u32>load<u8>(r.input, 1) == 0x0a) {
      r.input += 2;
      r.interim = 1;
    }
  }
  const available = r.tail - r.input;
  const window = min<u32>(available, r.maxHead);
  const length = headScan(r.input, window, r.held);
  if (length == HEAD_INCOMPLETE) {
    if (available > window) return fail(r, HTTP_ERROR_HEAD_TOO_LARGE, 0, r.maxHead);
    r.held = window;
    return STEP_MORE;
  }
  const fields = length < 0 ? length : parseRequestHead(record, r.input, length);
  if (fields == HEAD_TOO_MANY_FIELDS) return fail(r, HTTP_ERROR_TOO_MANY_HEADERS, r.fieldCapacity + 1, r.fieldCapacity);
  if (fields == HEAD_UNSUPPORTED_VERSION) return fail(r, HTTP_ERROR_UNSUPPORTED_VERSION);
  if (fields < 0) return fail(r, HTTP_ERROR_MALFORMED_HEAD);
  const framing = requestFraming(record);
  // Of the faults of framing only a missing Host is a malformed head; its number tells it apart from the others.
  if (framing < 0) return fail(r, -framing, framing == -HTTP_ERROR_MALFORMED_HEAD ? 1 : 0);
  r.framing = framing;
  r.start = r.input;
  r.startLength = length;
  r.input += length;
  r.held = 0;
  r.interim = 0;
  r.state = INCOMING_IN_BODY;
  return STEP_HEAD;
}

/** Moves the head that is held to the start of the slab, and what is not consumed to behind it. */
export function requestCompact(record: usize): void {
  const r = changetype<Incoming>(record);
  const rest = r.tail - r.input;
  let to = r.store;
  if (r.state == INCOMING_IN_BODY) {
    moveHead(r, r.startLength);
    to += r.startLength;
  }
  memory.copy(to, r.input, rest);
  r.input = to;
  r.tail = to + rest;
}
