// What the binary for compressed data exports. It lives in the same memory as the codec, and as that it has no state, no heap and no import but the memory.

import { ABI_VERSION } from "../abi";
import { makeFixedCodes } from "./block-writer";
import { makeCrcTables } from "./checksum";
import { checkTablesLayout, resetTables } from "./codes";
import { checkCompressLayout } from "./compress-record";
import { checkInflateLayout } from "./inflate-record";

export { deflate, deflateReset } from "./compress";
export { inflate, inflateEndMessage, inflateMayEnd, inflateReset, inflateSlide } from "./container";

/** Which abi.ts this binary was built from; also compiles the layout checks. */
export function abiVersion(): u32 {
  checkTablesLayout();
  checkInflateLayout();
  checkCompressLayout();
  return ABI_VERSION;
}

/** Makes DEFLATE_TABLES_BYTES of memory into the tables that all who inflate and deflate in it share. */
export function deflateTables(tables: usize): void {
  makeCrcTables(tables);
  resetTables(tables);
  makeFixedCodes(tables);
}
