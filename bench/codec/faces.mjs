// @ts-nocheck: the build may not be there when types are checked
// The codec's faces as the build has made them, one module each (dist/ has the same code in fewer files).

export * from '../../build/js/src/codec/chunked-decoder.js'
export * from '../../build/js/src/codec/frame-reader.js'
export * from '../../build/js/src/codec/frame-writer.js'
export * from '../../build/js/src/codec/handshake.js'
export * from '../../build/js/src/codec/mask-keys.js'
export * from '../../build/js/src/codec/memory.js'
export * from '../../build/js/src/codec/request-reader.js'
export * from '../../build/js/src/codec/request-writer.js'
export * from '../../build/js/src/codec/response-reader.js'
export * from '../../build/js/src/codec/text.js'
export * from '../../build/js/src/codec/tools.js'
