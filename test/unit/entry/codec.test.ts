/** The codec, the means of testing, and TLS in memory: every argument with every wrong value. What needs connections is among the integration checks. */

import { test } from 'vitest'
import * as codec from '../../../src/entry/codec.ts'
import { TlsCodec } from '../../../src/entry/node.ts'
import * as testing from '../../../src/entry/testing.ts'
import { codecCalls, refuseAll, requestCalls, testingCalls, tlsCodecCalls } from '../../integration/wrong-arguments.ts'

test('of the codec', () => refuseAll(codecCalls(codec)))

test('of a writer of requests', () => refuseAll(requestCalls(codec, new codec.RequestWriter('a'))))

test('of the means of testing', () => refuseAll(testingCalls(testing)))

test('of TLS in memory', () => refuseAll(tlsCodecCalls({ TlsCodec })))
