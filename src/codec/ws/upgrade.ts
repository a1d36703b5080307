/** The two judgements of RFC 6455 section 4: is this request an upgrade to a WebSocket, and does this response accept ours? Pure, over heads that were read. */

import { HandshakeError, type HandshakeErrorCode, type HandshakeResponse } from '../../errors.ts'
import type { HttpVersion } from '../http/borrowed-head.ts'
import type { Fields } from '../http/fields.ts'
import { textOf } from '../inputs.ts'
import { type DeflateParameters, type DeflateWishes, readDeflateAnswer } from './permessage-deflate.ts'

/** In lower case. */
export const EXTENSIONS = 'sec-websocket-extensions'

/** A request head, read by the request reader or by a server of the platform. */
export interface UpgradeHead {
  /** The method; case matters. */
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Protocol version of the client. */
  readonly version: HttpVersion
  /** Fields in order, names in any case. */
  readonly headers: Fields
}

/** Why a request is no valid upgrade, and the status that says so. */
export interface UpgradeFault {
  /** What is wrong with it. */
  readonly error: HandshakeError
  /** The status of the response that says so. */
  readonly status: number
}

/** Values of all fields of that name (lower case). */
export function valuesOf(fields: Fields, name: string): string[] {
  return fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
}

/** First value of a field, whatever its case. */
export function findField(fields: Fields, name: string): string | null {
  const wanted = textOf('name', name).toLowerCase()
  return fields.find(([each]) => each.toLowerCase() === wanted)?.[1] ?? null
}

/** Members of the comma-separated lists in all fields of that name, in lower case here (RFC 9110 section 5.6.1). */
export function listMembers(fields: Fields, name: string): string[] {
  return valuesOf(fields, name)
    .flatMap((value) => value.split(','))
    .map((member) => member.trim())
    .filter((member) => member !== '')
}

function hasMember(fields: Fields, name: string, member: string): boolean {
  return listMembers(fields, name).some((each) => each.toLowerCase() === member)
}

/** 16 bytes in base64. The last digit has four bits too many, which may be set: the key that RFC 6455 section 4.1 gives as its example has them. */
const KEY = /^[A-Za-z0-9+/]{22}==$/

/** The checks of RFC 6455 section 4.2.1, in its order. Null for a valid upgrade. */
export function upgradeFault({ method, version, headers }: UpgradeHead): UpgradeFault | null {
  const fault = (status: number, code: HandshakeErrorCode, message: string): UpgradeFault => ({ status, error: new HandshakeError(code, message) })
  if (method !== 'GET') return fault(405, 'MethodNotGet', `the method is ${method}, not GET`)
  if (version === '1.0') return fault(400, 'MalformedHttp', 'a WebSocket needs HTTP/1.1')
  if (valuesOf(headers, 'host').length !== 1) return fault(400, 'MissingHost', 'the request has no Host, or several')
  if (hasBody(headers)) return fault(400, 'UnexpectedBody', 'the request has a body, which would be read as frames')
  if (!hasMember(headers, 'upgrade', 'websocket')) return fault(426, 'MissingUpgrade', 'the request has no Upgrade: websocket')
  if (!hasMember(headers, 'connection', 'upgrade')) return fault(400, 'MissingConnection', 'the request has no Connection: Upgrade')
  if (findField(headers, 'sec-websocket-version') !== '13') {
    return fault(426, 'UnsupportedVersion', 'the client does not speak WebSocket version 13')
  }
  const keys = valuesOf(headers, 'sec-websocket-key')
  if (keys.length !== 1 || !KEY.test(keys[0] as string)) {
    return fault(400, 'MissingKey', 'the request has no single Sec-WebSocket-Key of 16 bytes')
  }
  return null
}

/** A Content-Length of 0 says that there is none. */
function hasBody(headers: Fields): boolean {
  return valuesOf(headers, 'transfer-encoding').length > 0 || valuesOf(headers, 'content-length').some((value) => value !== '0')
}

/**
 * The checks of RFC 6455 section 4.1 on a 101 response, in its order, up to the extensions. Null for one that accepts.
 *
 * @param accept the Sec-WebSocket-Accept that answers our key
 */
export function responseFault(response: HandshakeResponse, accept: string): HandshakeError | null {
  const { headers } = response
  const fault = (code: HandshakeErrorCode, message: string): HandshakeError => new HandshakeError(code, message, response)
  if (!hasMember(headers, 'upgrade', 'websocket')) return fault('MissingUpgrade', 'the 101 response has no Upgrade: websocket')
  if (!hasMember(headers, 'connection', 'upgrade')) return fault('MissingConnection', 'the 101 response has no Connection: Upgrade')
  const answers = valuesOf(headers, 'sec-websocket-accept')
  if (answers.length !== 1 || answers[0] !== accept) {
    return fault('InvalidAcceptKey', 'Sec-WebSocket-Accept does not answer our key: this is no WebSocket server, or a cache in between')
  }
  return null
}

/**
 * What the server's choice of extensions comes to (RFC 6455 section 4.1, RFC 7692 section 5.1): the parameters of compression, null without it. Throws
 * `UnexpectedExtension`.
 *
 * @param wishes what was offered; null when nothing was
 */
export function chosenDeflate(response: HandshakeResponse, wishes: DeflateWishes | null): DeflateParameters | null {
  const answer = readDeflateAnswer(valuesOf(response.headers, EXTENSIONS), wishes)
  if (!('fault' in answer)) return answer.parameters
  throw new HandshakeError('UnexpectedExtension', `the server chose an extension in a way that it may not: ${answer.fault}`, response)
}
