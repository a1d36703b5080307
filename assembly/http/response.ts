// The response reader: chunks of a connection in, one step of a response out (RFC 9112).
//
// Rule 1: all state lives in the record; a call may stop anywhere and the next one goes on.
// Rule 2: once failed, no further byte is interpreted.
// Rule 3: what comes out does not depend on how the bytes were cut.
//
// A chunk lies at [input, tail), in a target of the transport. A response that ends in the chunk it began in stays there: its body
// is decoded in place. One that goes on is moved to the store at the end of its first chunk, once, and the rest is appended there:
//
//   target  | head | body ... | surplus |        store  | head | body so far | free ........ |
//
// A body that the store cannot hold, or that is to be streamed, is handed out in pieces instead, each decoded in place in its chunk.

import {
  BODY_CHUNKED, BODY_LENGTH, BODY_UNLIMITED, BODY_UNTIL_CLOSE, CHUNKS_DONE, CHUNKS_FAILED, CHUNKS_FULL, HEAD_INCOMPLETE, HEAD_TOO_MANY_FIELDS,
  HTTP_ERROR_BODY_TOO_LARGE, HTTP_ERROR_HEAD_TOO_LARGE, HTTP_ERROR_MALFORMED_HEAD, HTTP_ERROR_TOO_MANY_HEADERS,
  HTTP_ERROR_TOO_MANY_INTERIM, HTTP_ERROR_UNEXPECTED_DATA, HTTP_ERROR_UNEXPECTED_UPGRADE, HTTP_ERROR_UNSUPPORTED_VERSION,
  INCOMING_BYTES, INCOMING_DONE, INCOMING_FAILED, INCOMING_IDLE, INCOMING_IN_BODY, INCOMING_IN_HEAD, MAX_INTERIM_RESPONSES, METHOD_UPGRADE,
  STEP_COMPLETE, STEP_DATA, STEP_FAILED, STEP_HEAD, STEP_INTERIM, STEP_MORE,
} from "../abi";
import { Chunked, chunkedDecode, chunkedReset } from "./chunked";
import { parseCleanHead } from "./clean";
import { responseFraming } from "./framing";
import { headScan, isHttpName, parseResponseHead, startsLikeResponse } from "./head";
import { fail, Incoming, moveHead } from "./incoming";

/** An unfinished head is looked through in steps of this, so that the body behind it is not copied for nothing. */
const HEAD_STEP: u32 = 1024;

/**
 * `length` bytes were put at `address`, and the chunk before them is used up. Returns a RESPONSE number. A chunk is never longer than the
 * store, to which it is moved when its response goes on.
 */
export function incomingCommit(record: usize, address: u32, length: u32): u32 {
  const r = changetype<Incoming>(record);
  if (r.state == INCOMING_FAILED || length > r.storeBytes) return STEP_FAILED;
  r.input = address;
  r.tail = address + length;
  // Nobody has asked for these bytes: taken for an answer, they would answer the wrong request.
  if (r.state == INCOMING_IDLE || r.state == INCOMING_DONE) return fail(r, HTTP_ERROR_UNEXPECTED_DATA, length);
  return incomingParse(record);
}

/** Goes on with what is left of the chunk. Returns a RESPONSE number. */
export function incomingParse(record: usize): u32 {
  const r = changetype<Incoming>(record);
  if (r.state == INCOMING_IN_HEAD) {
    const result = readHead(r);
    if (result != STEP_HEAD) return result;
    if (r.streaming) return STEP_HEAD;
  }
  if (r.state == INCOMING_IN_BODY) return readBody(r);
  return r.state == INCOMING_DONE ? STEP_COMPLETE : r.state == INCOMING_FAILED ? STEP_FAILED : STEP_MORE;
}

function readHead(r: Incoming): u32 {
  const record = changetype<usize>(r);
  let length: u32 = r.held == 0 ? parseCleanHead(r, r.input, min<u32>(r.tail - r.input, r.maxHead)) : 0;
  if (length != 0) {
    r.start = r.input;
    r.input += length;
  } else {
    length = findHead(r);
    if (length == HEAD_INCOMPLETE) return r.state == INCOMING_FAILED ? STEP_FAILED : STEP_MORE;
    const fields = parseResponseHead(record, r.start, length);
    if (fields == HEAD_TOO_MANY_FIELDS) return fail(r, HTTP_ERROR_TOO_MANY_HEADERS, r.fieldCapacity + 1, r.fieldCapacity);
    if (fields < 0) return fail(r, HTTP_ERROR_MALFORMED_HEAD);
  }
  r.startLength = length;
  if (r.status == 101 && r.asked != METHOD_UPGRADE) return fail(r, HTTP_ERROR_UNEXPECTED_UPGRADE);
  if (r.status < 200 && r.status != 101) {
    if (++r.interim > <u32>MAX_INTERIM_RESPONSES) return fail(r, HTTP_ERROR_TOO_MANY_INTERIM, r.interim, MAX_INTERIM_RESPONSES);
    return STEP_INTERIM;
  }
  const framing = responseFraming(record, r.asked);
  if (framing < 0) return fail(r, -framing);
  r.framing = framing;
  r.bodyBytes = 0;
  r.inPieces = r.streaming;
  if (framing == BODY_LENGTH) {
    if (r.contentLength > <f64>r.maxBody) {
      if (r.maxBody != <u32>BODY_UNLIMITED) return fail(r, HTTP_ERROR_BODY_TOO_LARGE, r.contentLength, r.maxBody);
      r.remaining = <u32>BODY_UNLIMITED;
    } else {
      r.remaining = <u32>r.contentLength;
    }
    if (length + r.remaining > r.storeBytes) r.inPieces = 1;
  } else if (framing == BODY_CHUNKED) {
    const chunked = changetype<Chunked>(record + INCOMING_BYTES);
    chunkedReset(record + INCOMING_BYTES);
    chunked.limit = r.maxBody;
  }
  // The pieces come and go in the targets; the head has to outlive them.
  if (r.inPieces) moveHead(r, length);
  r.output = r.start + length;
  r.state = INCOMING_IN_BODY;
  return STEP_HEAD;
}

/** Length of the head at `start`, with `input` behind it; HEAD_INCOMPLETE when there is none yet, or none can come (`state` says which). */
function findHead(r: Incoming): u32 {
  const available = r.tail - r.input;
  if (r.held == 0) {
    if (available == 0) return HEAD_INCOMPLETE;
    const window = min<u32>(available, r.maxHead);
    const length = scan(r, r.input, window, 0);
    if (r.state == INCOMING_FAILED) return HEAD_INCOMPLETE;
    if (length != HEAD_INCOMPLETE) {
      r.start = r.input;
      r.input += length;
      return length;
    }
    if (available > window) {
      fail(r, HTTP_ERROR_HEAD_TOO_LARGE, 0, r.maxHead);
      return HEAD_INCOMPLETE;
    }
    memory.copy(r.store, r.input, available);
    r.held = available;
    r.input = r.tail;
    return HEAD_INCOMPLETE;
  }
  while (r.input != r.tail) {
    const seen = r.held;
    if (seen == r.maxHead) {
      fail(r, HTTP_ERROR_HEAD_TOO_LARGE, 0, r.maxHead);
      return HEAD_INCOMPLETE;
    }
    const take = min<u32>(min<u32>(r.tail - r.input, r.maxHead - seen), HEAD_STEP);
    memory.copy(r.store + seen, r.input, take);
    r.held = seen + take;
    const length = scan(r, r.store, r.held, seen);
    if (r.state == INCOMING_FAILED) return HEAD_INCOMPLETE;
    if (length != HEAD_INCOMPLETE) {
      r.start = r.store;
      r.input += length - seen;
      r.held = 0;
      return length;
    }
    r.input += take;
  }
  return HEAD_INCOMPLETE;
}

/** Length of the head at `head`, or HEAD_INCOMPLETE. What cannot become a response fails before its end has come. */
// @ts-ignore: decorator
@inline
function scan(r: Incoming, head: usize, length: u32, seen: u32): u32 {
  if (seen < 7 && !startsLikeResponse(head, length)) {
    fail(r, length >= 5 && isHttpName(head) ? HTTP_ERROR_UNSUPPORTED_VERSION : HTTP_ERROR_MALFORMED_HEAD);
    return HEAD_INCOMPLETE;
  }
  const end = headScan(head, length, seen);
  if (end >= 0) return end;
  fail(r, HTTP_ERROR_MALFORMED_HEAD);
  return HEAD_INCOMPLETE;
}

function readBody(r: Incoming): u32 {
  const from: usize = r.input;
  const available = r.tail - r.input;
  const inPlace = r.start != r.store;
  let result: u32 = STEP_MORE;
  let piece: u32 = 0;
  const framing = r.framing;
  if (framing == BODY_CHUNKED) {
    const record = changetype<usize>(r) + INCOMING_BYTES;
    const c = changetype<Chunked>(record);
    // In place, what is decoded is shorter than what it is decoded from, so that nothing but the chunk itself bounds it.
    const target: usize = r.inPieces ? from : r.output;
    const end: usize = r.inPieces || inPlace ? r.tail : r.store + r.storeBytes;
    const outcome = chunkedDecode(record, from, r.tail, target, end);
    r.input = c.input;
    piece = c.output - <u32>target;
    if (outcome == CHUNKS_DONE) {
      r.state = INCOMING_DONE;
      result = STEP_COMPLETE;
    } else if (outcome == CHUNKS_FAILED) {
      result = fail(r, c.error, c.errorA, c.error == HTTP_ERROR_BODY_TOO_LARGE ? <f64>r.maxBody : 0);
    } else if (outcome == CHUNKS_FULL) {
      r.output += piece;
      r.bodyBytes += piece;
      return spill(r);
    }
  } else if (framing == BODY_LENGTH) {
    piece = min<u32>(available, r.remaining);
    r.remaining -= piece;
    keep(r, from, piece);
    if (r.remaining == 0) {
      r.state = INCOMING_DONE;
      result = STEP_COMPLETE;
    }
  } else if (framing == BODY_UNTIL_CLOSE) {
    piece = min<u32>(available, r.maxBody - r.bodyBytes);
    if (!r.inPieces && !inPlace && r.output + piece > r.store + r.storeBytes) return spill(r);
    keep(r, from, piece);
    if (piece != available) result = fail(r, HTTP_ERROR_BODY_TOO_LARGE, <f64>r.maxBody + 1, r.maxBody);
  } else {
    r.state = INCOMING_DONE;
    return STEP_COMPLETE;
  }
  r.bodyBytes += piece;
  if (r.inPieces) {
    if (piece == 0) return result;
    // The piece first; a further step then tells how things stand behind it.
    r.data = <u32>from;
    r.dataLength = piece;
    return STEP_DATA;
  }
  r.output += piece;
  if (result == STEP_MORE && inPlace) moveHead(r, r.output - r.start);
  return result;
}

/** Takes `length` plain bytes of the body from the chunk, to where a kept one grows. */
// @ts-ignore: decorator
@inline
function keep(r: Incoming, from: usize, length: u32): void {
  r.input += length;
  if (!r.inPieces && r.output != <u32>from) memory.copy(r.output, from, length);
}

/** The body has outgrown the store: what there is of it is handed out as the first piece, and the rest follows in pieces. */
function spill(r: Incoming): u32 {
  r.inPieces = 1;
  const body = r.start + r.startLength;
  if (r.output == body) return readBody(r);
  r.data = body;
  r.dataLength = r.output - body;
  return STEP_DATA;
}
