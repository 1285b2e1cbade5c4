/**
 * `authority`: where each authority's key is, and its form in the store.
 *
 * @module
 */

import { resolveAddress } from '../../address.js'
import { keyPlaceFindings, placeText } from '../../checks/key-place.js'
import type { DesiredAuthority } from '../../cluster/desired.js'
import { NomadPkiError } from '../../errors.js'
import type { FoundAuthority, FoundKey } from '../../inventory/inventory.js'
import { otherForm, type OtherForm } from '../../issuers/encrypted-issuers.js'
import { findingsText } from '../../report/diagnostics.js'
import { table } from '../../report/table.js'
import { sha256 } from '../../sha256.js'
import { fingerprintText } from '../../x509/certificate.js'
import { localOf } from '../authority-keys.js'
import { requireBegun } from '../begin-store.js'
import type { Command } from '../command.js'
import type { Context } from '../context.js'
import { passphrasesOf } from '../passphrases.js'
import { printerOf } from '../printer.js'
import { exitStatus, type ExitStatus } from '../status.js'
import type { Options } from '../surface.js'
import { underLock } from '../under-lock.js'
import { fileFlag, openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'

/** Prints a line for each generation. */
export const show: Command<'authority show'> = async ({ args: [name], options }, context) => {
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  await requireBegun(workspace.store, fileFlag(options))
  const inventory = await takeOwnInventory(workspace)
  const wanted = chosen(name, workspace)
  const rows = wanted.map((authority) =>
    rowOf(authority, inventory.authorities.get(authority.address)),
  )
  printer.answer(table(rows))
  const findings = wanted.flatMap((authority) => {
    const found = inventory.authorities.get(authority.address)
    return found === undefined ? [] : keyPlaceFindings(authority, found)
  })
  if (findings.length === 0) return exitStatus.ok
  printer.report(findingsText(findings, printer.errorStyle, { all: true }))
  return exitStatus.work
}

function rowOf(
  { address, signer, key }: DesiredAuthority,
  found: FoundAuthority | undefined,
): readonly string[] {
  const certificate = found?.certificate
  return [
    address,
    `signer: ${signer}`,
    foundText(found?.key),
    certificate?.publicKey.name ?? key,
    certificate === undefined ? 'no certificate yet' : fingerprintText(certificate),
  ]
}

function foundText({ state }: FoundKey = { state: 'absent' }): string {
  switch (state) {
    case 'present':
      return 'in the store: not encrypted'
    case 'encrypted':
      return 'in the store: encrypted'
    case 'malformed':
      return 'in the store: cannot be parsed'
    case 'absent':
      return 'in the store: no key'
  }
}

/** Puts keys under a passphrase. */
export const encrypt: Command<'authority encrypt'> = ({ args: [name], options }, context) =>
  change(name, 'encrypted', options, context)

/** Writes keys without their passphrase. */
export const decrypt: Command<'authority decrypt'> = ({ args: [name], options }, context) =>
  change(name, 'plain', options, context)

async function change(
  name: string | undefined,
  form: 'encrypted' | 'plain',
  options: Options<'authority encrypt'>,
  context: Context,
): Promise<ExitStatus> {
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const { store, base } = workspace
  await requireBegun(store, fileFlag(options))
  const { authorities } = await takeOwnInventory(workspace)
  const wanted = chosen(name, workspace, true)
  const from = form === 'encrypted' ? 'present' : 'encrypted'
  const has = wanted.filter(({ address }) => {
    const state = authorities.get(address)?.key.state
    return state !== undefined && state !== 'absent'
  })
  if (has.length === 0) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the store has no key of ${wanted.map(({ address }) => address).join(', ')}`,
      { hint: 'nomad-pki authority show says where each key is' },
    )
  }
  const signer = form === 'encrypted' ? 'encrypted' : 'file'
  const differs = has.find(
    (one) => one.signer !== signer && authorities.get(one.address)?.key.state === from,
  )
  if (differs !== undefined) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the spec says that the key of ${differs.address} is ${placeText(differs.signer)}`,
      {
        address: differs.address,
        hint: `first set \`signer: ${signer}\` for ${differs.name} in the spec, then run this again`,
      },
    )
  }
  const todo = has.filter(({ address }) => authorities.get(address)?.key.state === from)
  const done = form === 'encrypted' ? 'encrypted' : 'not encrypted'
  if (todo.length === 0) {
    printer.answer(`the key of ${has.map(({ address }) => address).join(', ')} is ${done} already`)
    return exitStatus.ok
  }
  if (options.dryRun === true) {
    for (const { address } of todo) printer.answer(`${address}: its key would be ${done}`)
    return exitStatus.ok
  }
  const passphrases = passphrasesOf(
    { descriptor: options.passphraseFd, local: localOf(workspace), base },
    context,
  )
  // Made before the lock is taken: a person may take long to type.
  const made: (readonly [DesiredAuthority, Extract<OtherForm, { readonly state: 'made' }>])[] = []
  for (const authority of todo) {
    const other = await otherForm(store, authority, form, passphrases)
    if (other.state === 'made') made.push([authority, other])
  }
  const verb = form === 'encrypted' ? 'encrypt' : 'decrypt'
  await underLock(store, `authority ${verb}`, async () => {
    for (const [{ address, name: of, generation }, other] of made) {
      const batch = store.batch()
      batch.replaceAuthorityKey(of, generation, other)
      batch.record({
        event: `${verb}ed`,
        address,
        at: context.now(),
        key: sha256(other.publicKey.spki),
      })
      await batch.commit()
      printer.answer(`${address}: its key is ${done}`)
    }
  })
  if (form === 'encrypted') {
    printer.tell(
      'backups and snapshots from before still have the key without a passphrase, and free space of the disk may',
    )
  }
  return exitStatus.ok
}

/** The generations that are meant. */
function chosen(
  name: string | undefined,
  { desired, spec }: Workspace,
  one = false,
): readonly DesiredAuthority[] {
  if (name === undefined) {
    if (!one || spec.authorities.length === 1) return desired.authorities
    throw new NomadPkiError('ERR_USAGE', 'which authority?', {
      hint: `name one: ${spec.authorities.map((each) => each.name).join(', ')}`,
    })
  }
  const named = desired.authorities.filter((each) => each.name === name)
  if (named.length > 0) return named
  const address = resolveAddress(
    name,
    desired.authorities.map((each) => each.address),
  )
  return desired.authorities.filter((each) => each.address === address)
}
