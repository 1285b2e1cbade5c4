/** Whether the others accept an agent that goes back, over a root that was replaced. */

import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { printerOf } from '../../src/cli/printer.js'
import { openWorkspace, takeOwnInventory } from '../../src/cli/workspace.js'
import { whyNotBack } from '../../src/evidence/way-back.js'
import { generationName } from '../../src/inventory/generation-name.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import type { LedgerEvent } from '../../src/inventory/ledger-events.js'
import { chainLine, readLedger, withEvents } from '../../src/inventory/ledger.js'
import { cli, folder, now } from '../cli/cli.js'
import { testContext } from '../cli/context.js'

const spec = `version: 1
cluster: acme
node: { tls: /etc/nomad-tls }
regions:
  global:
    servers: { s1: { ips: [127.0.0.1] } }
    clients: { c1: {} }
`
const [s1, c1] = ['identity/server/global/s1', 'identity/client/global/c1']

async function inventoryIn(base: string): Promise<Inventory> {
  const { context } = testContext({ now, argv: [], cwd: base })
  const options = { file: undefined, quiet: undefined, color: undefined, debug: undefined }
  return takeOwnInventory(await openWorkspace(context, options, printerOf(context, options)))
}

/** The receipt of the newest generation of an agent comes back. */
function receive(base: string, address: string): void {
  const file = path.join(base, 'pki/ledger.jsonl')
  const { head, lines, events } = readLedger(fs.readFileSync(file))
  const made = events.findLast((one) => one.event === 'issued' && one.address === address)
  const { generation, fingerprint } = made as Extract<LedgerEvent, { event: 'issued' }>
  const event: LedgerEvent = {
    ...{ event: 'received', address, at: now, generation, fingerprint, archive: null },
    ...{ host: 'a host', state: 'reloaded' },
  }
  fs.appendFileSync(file, `${chainLine(event, { head, seq: lines.length }).text}\n`)
}

function nameIn({ ledger }: Inventory, address: string, number: number): string {
  const made = ledger.events.find(
    (one) => one.event === 'issued' && one.address === address && one.generation === number,
  )
  return generationName(number, (made as Extract<LedgerEvent, { event: 'issued' }>).fingerprint)
}

test('back is refused where the others no longer trust the root of then, or its leaf was revoked', async () => {
  const base = folder({ 'cluster.yaml': spec })
  await cli(base, ['init', '--new-store'])
  expect((await cli(base, ['apply', '--yes'])).status).toBe(0)
  for (const address of [s1, c1]) receive(base, address)
  expect((await cli(base, ['rotate', 'authority', 'agent', '--next'])).status).toBe(0)
  expect((await cli(base, ['apply', '--yes'])).status).toBe(0)
  for (const address of [s1, c1]) receive(base, address)
  const inventory = await inventoryIn(base)
  const options = { now }
  const before = nameIn(inventory, s1, 1)
  // The new root is certified by the old one, so that each takes the other.
  expect(whyNotBack(s1, before, inventory, options)).toBeUndefined()
  // The other agent trusts the new root alone.
  const made = inventory.ledger.events.findLast(
    (one) => one.event === 'issued' && one.address === c1,
  ) as Extract<LedgerEvent, { event: 'issued' }>
  const { generation } = made
  const narrow = withEvents(inventory.ledger, [
    { ...made, event: 'refreshed', generation: generation + 1, trusted: ['authority/agent/2'] },
    {
      ...{ event: 'received', address: c1, at: now, generation: generation + 1, archive: null },
      ...{ fingerprint: made.fingerprint, host: 'a host', state: 'reloaded' },
    },
  ])
  expect(whyNotBack(s1, before, { ...inventory, ledger: narrow }, options)).toBe(
    `${c1} would refuse the leaf of ${before}: the root of it is not trusted there any more`,
  )
  expect(whyNotBack(s1, '9-00000000', inventory, options)).toMatch(/does not know 9-00000000/)
  const { fingerprint, serial, issuer } = inventory.ledger.events.find(
    (one) => one.event === 'issued' && one.address === s1 && one.generation === 1,
  ) as Extract<LedgerEvent, { event: 'issued' }>
  const revoked: LedgerEvent = {
    ...{ event: 'revoked', address: s1, at: now, serial, issuer, fingerprint },
  }
  const marked = { ...inventory, ledger: withEvents(inventory.ledger, [revoked]) }
  expect(whyNotBack(s1, before, marked, options)).toBe(`the leaf of ${before} was revoked`)
})
