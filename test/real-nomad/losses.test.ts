/** Which messages of a lost request are the price of a reload. Each was seen with real agents. */

import { expect, test } from 'vitest'
import { isConnection, isDetour, isListener } from './harness/figures.js'

test.each([
  '500 rpc error: EOF',
  '500 session shutdown',
  '500 rpc error: session open: session shutdown',
  '500 rpc error: stream closed',
  '500 rpc error: set mode: write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe',
  '500 rpc error: write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe',
  '500 rpc error: session open: write tcp 127.0.0.1:1->127.0.0.1:2: write: connection reset by peer',
  '500 rpc error: failed to get conn: read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer',
  '500 1 error occurred:\n\t* failed querying server "127.0.0.1:2": rpc error: failed to get conn: read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer',
])('a connection between agents ended: %s', (message) => {
  expect([isConnection(message), isListener(message), isDetour(message)]).toEqual([
    true,
    false,
    false,
  ])
})

test.each([
  '500 rpc error: session open: tls: bad certificate',
  '500 rpc error: failed to get conn: x509: certificate signed by unknown authority',
  '500 rpc error: Permission denied',
  '500 rpc error: failed to get conn: dial tcp 127.0.0.1:2: connect: connection refused',
  'write tcp 127.0.0.1:1->127.0.0.1:2: write: connection reset by peer',
])('anything else is not that: %s', (message) => {
  expect([isConnection(message), isListener(message), isDetour(message)]).toEqual([
    false,
    false,
    false,
  ])
})
