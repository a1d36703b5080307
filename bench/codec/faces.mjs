// @ts-nocheck: the build may not be there when types are checked
// The codec's faces as the build has made them, one module each (dist/ has the same code in fewer files).

export * from '../../build/js/src/codec/deflate/deflater.js'
export * from '../../build/js/src/codec/deflate/inflater.js'
export * from '../../build/js/src/codec/http/chunked-decoder.js'
export * from '../../build/js/src/codec/http/request-reader.js'
export * from '../../build/js/src/codec/http/request-writer.js'
export * from '../../build/js/src/codec/http/response-reader.js'
export * from '../../build/js/src/codec/memory.js'
export * from '../../build/js/src/codec/text.js'
export * from '../../build/js/src/codec/ws/frame-reader.js'
export * from '../../build/js/src/codec/ws/frame-writer.js'
export * from '../../build/js/src/codec/ws/handshake.js'
export * from '../../build/js/src/codec/ws/mask-keys.js'
export * from '../../build/js/src/codec/ws/tools.js'
