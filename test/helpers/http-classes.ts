/** What an entry supplies to its shells, over the codec of a test. */

import type { ResponseReaderOptions } from '../../src/codec/http/limits.ts'
import { RequestWriter, type RequestWriterOptions } from '../../src/codec/http/request-writer.ts'
import { ResponseReader } from '../../src/codec/http/response-reader.ts'
import type { Codec, Region } from '../../src/codec/memory.ts'
import type { HttpClasses } from '../../src/runtime.ts'

export function httpClasses(codec: Codec): HttpClasses {
  return {
    RequestWriter: class extends RequestWriter {
      constructor(host: string, options?: RequestWriterOptions, region?: Region) {
        super(codec, host, options, region)
      }
    },
    ResponseReader: class extends ResponseReader {
      constructor(options?: ResponseReaderOptions) {
        super(codec, options)
      }
    },
  }
}
