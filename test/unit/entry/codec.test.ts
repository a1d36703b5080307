/** The codec, the means of testing, and TLS in memory: every argument with every wrong value. What needs connections is among the integration checks. */

import { test } from 'vitest'
import * as codec from '../../../src/entry/codec.ts'
import * as nexus from '../../../src/entry/node.ts'
import * as testing from '../../../src/entry/testing.ts'
import { codecCalls, pureCalls, refuseAll, requestCalls, testingCalls, tlsCodecCalls, upgradeCalls } from '../../integration/wrong-arguments.ts'

test('of the codec', () => refuseAll(codecCalls(codec)))

test('of a writer of requests', () => refuseAll(requestCalls(codec, new codec.RequestWriter('a'))))

test('of the means of testing', () => refuseAll(testingCalls(testing)))

test('of TLS in memory', () => refuseAll(tlsCodecCalls(nexus)))

test('of the upgrade event of node:http, and of what needs no connection', () => refuseAll([...upgradeCalls(nexus), ...pureCalls(nexus)]))
