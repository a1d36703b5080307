// The codec's exports, and nothing else: no state, no allocation, no import but the memory.

import { ABI_VERSION } from "./abi";
import { checkChunkedLayout } from "./http/chunked";
import { checkHeadLayout } from "./http/head";
import { checkIncomingLayout } from "./http/incoming";
import { checkReaderLayout } from "./ws/reader";

export { maskCopy, rotateKey } from "./bytes/mask";
export { isAsciiRun, utf8Validate } from "./bytes/utf8";
export { chunkedDecode, chunkedReset } from "./http/chunked";
// The steps on a head, which the records of messages take too: for the tables of their tests, as a whole message is judged by more than its head.
export { headScan, parseRequestHead, parseResponseHead } from "./http/head";
export { requestCompact, requestParse } from "./http/request";
export { incomingCommit, incomingParse } from "./http/response";
export { putContentLength, putEndOfHead, putField, putRequestLine, putStatusLine, sealField, sealRequestLine } from "./http/writer";
export { readerColumns } from "./ws/columns";
export { handshakeAccept, handshakeKey, putUpgradeRequestFields, putUpgradeResponse } from "./ws/handshake";
export { readerCommit, readerCompact, readerParse, readerReset } from "./ws/reader";
export { writeFrame, writeHeader } from "./ws/writer";

/** Which abi.ts this binary was built from; also compiles the layout checks. */
export function abiVersion(): u32 {
  checkReaderLayout();
  checkHeadLayout();
  checkChunkedLayout();
  checkIncomingLayout();
  return ABI_VERSION;
}
