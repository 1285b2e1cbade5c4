/**
 * `authority`: where each authority's key is, and its form in the store.
 *
 * @module
 */

import { resolveAddress } from '../../address.js'
import { keyPlaceFindings, placeText } from '../../checks/key-place.js'
import type { DesiredAuthority } from '../../cluster/desired.js'
import { localFileName, noLocalSettings } from '../../cluster/local.js'
import { NomadPkiError } from '../../errors.js'
import type { FoundAuthority, FoundKey } from '../../inventory/inventory.js'
import {
  opensKey,
  otherForm,
  type OtherForm,
  type Passphrases,
} from '../../issuers/encrypted-issuers.js'
import { findingsText } from '../../report/diagnostics.js'
import { table } from '../../report/table.js'
import { sha256 } from '../../sha256.js'
import { fingerprintText } from '../../x509/certificate.js'
import { requireBegun } from '../begin-store.js'
import type { Command } from '../command.js'
import type { Context } from '../context.js'
import { localOf } from '../local-file.js'
import { passphrasesOf } from '../passphrases.js'
import { printerOf, type Printer } from '../printer.js'
import { exitStatus, type ExitStatus } from '../status.js'
import type { Options } from '../surface.js'
import { underLock } from '../under-lock.js'
import { usage } from '../usage.js'
import { fileFlag, openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'

/** Prints a line for each generation. */
export const show: Command<'authority show'> = async ({ args: [name], options }, context) => {
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  await requireBegun(workspace, fileFlag(options))
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

/** Puts keys under a passphrase, or under another one. */
export const encrypt: Command<'authority encrypt'> = ({ args: [name], options }, context) =>
  change(name, 'encrypted', options, context)

/** Writes keys without their passphrase. */
export const decrypt: Command<'authority decrypt'> = ({ args: [name], options }, context) =>
  change(name, 'plain', options, context)

async function change(
  name: string | undefined,
  form: 'encrypted' | 'plain',
  options: Options<'authority decrypt'> & Partial<Options<'authority encrypt'>>,
  context: Context,
): Promise<ExitStatus> {
  const { passphraseFd, newPassphraseFd, changePassphrase: again = false, dryRun = false } = options
  if (newPassphraseFd !== undefined && !again) {
    throw usage('--new-passphrase-fd is for a change: add --change-passphrase')
  }
  const printer = printerOf(context, options)
  const workspace = await openWorkspace(context, options, printer)
  const { store, base } = workspace
  await requireBegun(workspace, fileFlag(options))
  const { authorities } = await takeOwnInventory(workspace)
  const wanted = chosen(name, workspace, true)
  const stateOf = ({ address }: DesiredAuthority): FoundKey['state'] =>
    authorities.get(address)?.key.state ?? 'absent'
  const from = form === 'encrypted' && !again ? 'present' : 'encrypted'
  const has = wanted.filter((one) => stateOf(one) !== 'absent')
  if (has.length === 0) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the store has no key of ${wanted.map(({ address }) => address).join(', ')}`,
      { hint: 'nomad-pki authority show says where each key is' },
    )
  }
  const signer = form === 'encrypted' ? 'encrypted' : 'file'
  const differs = has.find((one) => one.signer !== signer && stateOf(one) === from)
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
  const local = localOf(workspace)
  const passphrases = passphrasesOf({ descriptor: passphraseFd, local, base }, context)
  const next = again
    ? passphrasesOf(
        {
          descriptor: newPassphraseFd,
          local: async () => noLocalSettings,
          base,
          remedy: 'give the new one with --new-passphrase-fd',
        },
        context,
      )
    : undefined
  const todo = has.filter((one) => stateOf(one) === from)
  const done = again ? 'under another passphrase' : form === 'plain' ? 'not encrypted' : 'encrypted'
  if (todo.length === 0 && again) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `the key of ${has.map(({ address }) => address).join(', ')} is not encrypted`,
      { hint: `nomad-pki authority encrypt ${has[0]!.name}` },
    )
  }
  // Made before the lock is taken: a person may take long to type. A dry run does the same, and writes nothing.
  const made: (readonly [DesiredAuthority, Extract<OtherForm, { readonly state: 'made' }>])[] = []
  for (const authority of has) {
    if (!todo.includes(authority)) {
      if (form === 'encrypted') await requireOpens(authority, workspace, passphrases, passphraseFd)
      continue
    }
    const other = await otherForm(store, authority, form, passphrases, next)
    if (other.state === 'made') made.push([authority, other])
  }
  if (todo.length === 0) {
    printer.answer(`the key of ${has.map(({ address }) => address).join(', ')} is ${done} already`)
    return exitStatus.ok
  }
  const verb = form === 'encrypted' ? 'encrypt' : 'decrypt'
  await underLock(store, `authority ${verb}`, async () => {
    for (const [{ address, name: of, generation }, other] of made) {
      if (dryRun) {
        printer.answer(`${address}: its key would be ${done}`)
        continue
      }
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
  if (dryRun) return exitStatus.ok
  if (again) await tellSource(todo, local, printer)
  if (form === 'encrypted') {
    printer.tell(
      `backups and snapshots from before still have the key ${again ? 'under the old passphrase' : 'without a passphrase'}, and free space of the disk may`,
    )
  }
  return exitStatus.ok
}

/**
 * A key that is encrypted already stays as it is. Who gives a passphrase for it wants that one: it must open the key.
 */
async function requireOpens(
  authority: DesiredAuthority,
  { store, spec, base }: Workspace,
  passphrases: Passphrases,
  descriptor: string | undefined,
): Promise<void> {
  const { name, address } = authority
  const given = descriptor !== undefined || (await localOf({ spec, base })()).passphrases.has(name)
  if (!given || (await opensKey(store, authority, passphrases))) return
  throw new NomadPkiError(
    'ERR_REFUSED',
    `the key of ${address} is already encrypted, with a different passphrase`,
    {
      address,
      hint: `to change it: nomad-pki authority encrypt ${address} --change-passphrase --passphrase-fd 3 3< OLD --new-passphrase-fd 4 4< NEW`,
    },
  )
}

/** Where the old passphrase still is. */
async function tellSource(
  changed: readonly DesiredAuthority[],
  local: ReturnType<typeof localOf>,
  printer: Printer,
): Promise<void> {
  const { passphrases } = await local()
  const names = new Set(changed.map(({ name }) => name))
  for (const name of names) {
    const source = passphrases.get(name)
    if (source === undefined) continue
    printer.tell(
      `put the new passphrase where ${localFileName} says (passphrases.${name}${'file' in source ? `: ${source.file}` : ''}); until then nothing is signed with this key`,
    )
  }
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
