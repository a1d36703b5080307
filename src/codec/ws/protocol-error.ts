/** From the codec's error numbers to {@link ProtocolError}. */

import {
  ERROR_CLOSE_FRAME_TOO_SHORT,
  ERROR_CONTINUATION_WITHOUT_START,
  ERROR_CONTROL_FRAME_TOO_LARGE,
  ERROR_FRAGMENTED_CONTROL_FRAME,
  ERROR_INVALID_CLOSE_CODE,
  ERROR_INVALID_OPCODE,
  ERROR_INVALID_UTF8,
  ERROR_INVALID_UTF8_IN_CLOSE_REASON,
  ERROR_MASKED_FRAME_FROM_SERVER,
  ERROR_MESSAGE_TOO_LARGE,
  ERROR_NEW_MESSAGE_DURING_ASSEMBLY,
  ERROR_NON_MINIMAL_LENGTH,
  ERROR_PAYLOAD_TOO_LARGE,
  ERROR_RESERVED_BITS_SET,
  ERROR_UNMASKED_FRAME_FROM_CLIENT,
} from '../../../assembly/abi.ts'
import { type CompressionError, ProtocolError } from '../../errors.ts'
import { CloseCode } from './message.ts'

/** @param a the first number of the error @param b the second */
export function protocolError(code: number, a: number, b: number): ProtocolError {
  switch (code) {
    case ERROR_RESERVED_BITS_SET:
      return new ProtocolError(
        'ReservedBitsSet',
        `reserved bits ${a.toString(2).padStart(3, '0')} are set, but no extension that was negotiated gives them a meaning`,
        CloseCode.Protocol,
        { bits: a },
      )
    case ERROR_INVALID_OPCODE:
      return new ProtocolError('InvalidOpcode', `opcode ${a} is not defined`, CloseCode.Protocol, { opcode: a })
    case ERROR_UNMASKED_FRAME_FROM_CLIENT:
      return new ProtocolError('UnmaskedFrameFromClient', 'a client sent an unmasked frame', CloseCode.Protocol)
    case ERROR_MASKED_FRAME_FROM_SERVER:
      return new ProtocolError('MaskedFrameFromServer', 'a server sent a masked frame', CloseCode.Protocol)
    case ERROR_NON_MINIMAL_LENGTH:
      return new ProtocolError('NonMinimalLength', `a length of ${a} was encoded in ${b} bytes, more than the minimum`, CloseCode.Protocol, {
        size: a,
      })
    case ERROR_CONTROL_FRAME_TOO_LARGE:
      return new ProtocolError('ControlFrameTooLarge', `a control frame of ${a} bytes is over 125`, CloseCode.Protocol, { size: a, max: 125 })
    case ERROR_FRAGMENTED_CONTROL_FRAME:
      return new ProtocolError('FragmentedControlFrame', 'a control frame was fragmented', CloseCode.Protocol)
    case ERROR_PAYLOAD_TOO_LARGE:
      return new ProtocolError('PayloadTooLarge', `a frame of ${a} bytes is over maxFrameSize (${b})`, CloseCode.MessageTooBig, { size: a, max: b })
    case ERROR_MESSAGE_TOO_LARGE:
      return new ProtocolError('MessageTooLarge', `a message of at least ${a} bytes is over maxMessageSize (${b})`, CloseCode.MessageTooBig, {
        accumulated: a,
        max: b,
      })
    case ERROR_NEW_MESSAGE_DURING_ASSEMBLY:
      return new ProtocolError('NewMessageDuringAssembly', 'a new message began inside a fragmented one', CloseCode.Protocol)
    case ERROR_CONTINUATION_WITHOUT_START:
      return new ProtocolError('ContinuationWithoutStart', 'a continuation frame was received without a message to continue', CloseCode.Protocol)
    case ERROR_INVALID_UTF8:
      return new ProtocolError('InvalidUtf8', 'a text message is not valid UTF-8', CloseCode.InvalidPayload)
    case ERROR_CLOSE_FRAME_TOO_SHORT:
      return new ProtocolError('CloseFrameTooShort', 'a close frame had half a code', CloseCode.Protocol, { size: 1 })
    case ERROR_INVALID_CLOSE_CODE:
      return new ProtocolError('InvalidCloseCode', `close code ${a} may not be sent`, CloseCode.Protocol, { closeCodeReceived: a })
    case ERROR_INVALID_UTF8_IN_CLOSE_REASON:
      return new ProtocolError('InvalidUtf8InCloseReason', 'a close reason is not valid UTF-8', CloseCode.InvalidPayload)
    default:
      throw new RangeError(`unknown protocol error ${code}`)
  }
}

/** A compressed message that is not what RFC 7692 section 7.2.2 asks for. */
export function invalidCompressedData(cause: CompressionError): ProtocolError {
  return new ProtocolError('InvalidCompressedData', `a compressed message is broken: ${cause.message}`, CloseCode.InvalidPayload, {}, { cause })
}
