// The record of an incoming message, which the readers of requests and of responses share.

import {
  FIELD_BYTES, HEAD_RECORD_BYTES, INCOMING_BODY_BYTES, INCOMING_BYTES, INCOMING_DATA, INCOMING_DATA_LENGTH, INCOMING_ERROR,
  INCOMING_ERROR_A, INCOMING_ERROR_B, INCOMING_FAILED, INCOMING_FRAMING, INCOMING_HELD, INCOMING_INPUT, INCOMING_INTERIM,
  INCOMING_MAX_BODY, INCOMING_MAX_HEAD, INCOMING_METHOD, INCOMING_REMAINING, INCOMING_START, INCOMING_START_LENGTH, INCOMING_STATE, INCOMING_STORE,
  INCOMING_STORE_BYTES, INCOMING_STREAMING, INCOMING_TAIL, STEP_FAILED,
} from "../abi";
import { Head } from "./head";

@unmanaged
export class Incoming extends Head {
  state: u32; //        64
  error: u32; //        68
  errorA: f64; //       72  the numbers of the error
  errorB: f64; //       80
  input: u32; //        88  first byte of the chunk that is not used yet
  tail: u32; //         92  one past its last
  store: u32; //        96  memory for what does not end in its first chunk, set by the caller
  storeBytes: u32; //  100  its size
  maxHead: u32; //     104  limits, set by the caller
  maxBody: u32; //     108
  asked: u32; //       112  METHOD number of the request, set by the caller
  streaming: u32; //   116  hand out the body in pieces? Set by the caller
  held: u32; //        120  bytes of an unfinished head, in the store
  interim: u32; //     124  interim responses so far
  start: u32; //       128  address of the head
  startLength: u32; // 132  … and its length
  framing: u32; //     136  BODY number
  inPieces: u32; //    140  the body is handed out
  bodyBytes: u32; //   144  decoded so far
  remaining: u32; //   148  bytes that Content-Length still promises
  output: u32; //      152  where the next byte of a kept body goes
  data: u32; //        156  a piece of the body
  dataLength: u32; //  160
  reserved1: u32; //   164
  reserved2: u64; //   168
  reserved3: u64; //   176
  reserved4: u64; //   184
}

/** Compile-time proof that the record is where abi.ts says it is. */
export function checkIncomingLayout(): void {
  if (
    offsetof<Incoming>() != INCOMING_BYTES || offsetof<Incoming>("state") != INCOMING_STATE || INCOMING_STATE != HEAD_RECORD_BYTES ||
    offsetof<Incoming>("error") != INCOMING_ERROR || offsetof<Incoming>("errorA") != INCOMING_ERROR_A ||
    offsetof<Incoming>("errorB") != INCOMING_ERROR_B || offsetof<Incoming>("input") != INCOMING_INPUT ||
    offsetof<Incoming>("tail") != INCOMING_TAIL || offsetof<Incoming>("store") != INCOMING_STORE ||
    offsetof<Incoming>("storeBytes") != INCOMING_STORE_BYTES || offsetof<Incoming>("maxHead") != INCOMING_MAX_HEAD ||
    offsetof<Incoming>("maxBody") != INCOMING_MAX_BODY || offsetof<Incoming>("asked") != INCOMING_METHOD ||
    offsetof<Incoming>("streaming") != INCOMING_STREAMING || offsetof<Incoming>("held") != INCOMING_HELD ||
    offsetof<Incoming>("interim") != INCOMING_INTERIM || offsetof<Incoming>("start") != INCOMING_START ||
    offsetof<Incoming>("startLength") != INCOMING_START_LENGTH || offsetof<Incoming>("framing") != INCOMING_FRAMING ||
    offsetof<Incoming>("bodyBytes") != INCOMING_BODY_BYTES || offsetof<Incoming>("remaining") != INCOMING_REMAINING ||
    offsetof<Incoming>("data") != INCOMING_DATA || offsetof<Incoming>("dataLength") != INCOMING_DATA_LENGTH
  ) {
    ERROR("assembly/abi.ts and the Incoming record differ");
  }
}

/** Latches a failure: from here on, nothing is interpreted. */
export function fail(r: Incoming, error: u32, a: f64 = 0, b: f64 = 0): u32 {
  r.state = INCOMING_FAILED;
  r.error = error;
  r.errorA = a;
  r.errorB = b;
  return STEP_FAILED;
}

/** Moves the first `length` bytes of the message to the store, unless they are there, with all that points into the head. */
export function moveHead(r: Incoming, length: u32): void {
  const by = r.store - r.start;
  if (by == 0) return;
  memory.copy(r.store, r.start, length);
  r.start = r.store;
  r.output += by;
  r.reason += by;
  r.method += by;
  r.target += by;
  const end: usize = r.fields + r.fieldCount * FIELD_BYTES;
  for (let field: usize = r.fields; field < end; field += FIELD_BYTES) {
    store<u32>(field, load<u32>(field) + by);
    store<u32>(field, load<u32>(field, 8) + by, 8);
  }
}
