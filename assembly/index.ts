// The codec's exports, and nothing else: no state, no allocation, no import but the memory.

import { ABI_VERSION } from "./abi";
import { checkHeadLayout } from "./http/head";
import { checkReaderLayout } from "./ws/reader";

export { maskCopy, rotateKey } from "./bytes/mask";
export { utf8Validate } from "./bytes/utf8";
export { headScan, parseRequestHead, parseResponseHead, startsLikeResponse } from "./http/head";
export { putEndOfHead, putField, putRequestLine, putStatusLine } from "./http/writer";
export {
  checkUpgradeRequest, checkUpgradeResponse, handshakeAccept, handshakeKey, putUpgradeRequestFields, putUpgradeResponse,
  requestKeyAddress,
} from "./ws/handshake";
export { readerCommit, readerCompact, readerParse, readerReset } from "./ws/reader";
export { writeFrame, writeHeader } from "./ws/writer";

/** Which abi.ts this binary was built from; also compiles the layout checks. */
export function abiVersion(): u32 {
  checkReaderLayout();
  checkHeadLayout();
  return ABI_VERSION;
}
