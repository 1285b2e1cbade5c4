/**
 * `authority setup`: makes an authority in Vault or OpenBao.
 *
 * @module
 */

import { retireIssuers } from '../../apply/retire-issuers.js'
import { setUpEngine, type SetUpEnd } from '../../apply/set-up-engine.js'
import type { DesiredAuthority } from '../../cluster/desired.js'
import { enginePolicies } from '../../engine/policies.js'
import { NomadPkiError } from '../../errors.js'
import { authorityKeys } from '../authority-keys.js'
import { requireBegun } from '../begin-store.js'
import type { Command } from '../command.js'
import { openEngine } from '../engine.js'
import { printerOf } from '../printer.js'
import { exitStatus } from '../status.js'
import { underLock } from '../under-lock.js'
import { fileFlag, openWorkspace, takeOwnInventory, type Workspace } from '../workspace.js'

/**
 * Exits 0 where everything is set up, in a dry run also where something would be done; 2 where its certificate is
 * asked for on another machine.
 */
export const command: Command<'authority setup'> = async ({ args: [name], options }, context) => {
  const printer = printerOf(context, options)
  const { dryRun = false, passphraseFd, compromised = false } = options
  const workspace = await openWorkspace(context, options, printer)
  await requireBegun(workspace, fileFlag(options))
  const own = named(name!, workspace)
  const { desired, store } = workspace
  const signing = own.find((one) => one.signing)
  if (compromised && signing === undefined) {
    throw new NomadPkiError(
      'ERR_REFUSED',
      `no generation of ${name!} in the engine signs: an older one is not stopped before its successor signs`,
      { hint: `nomad-pki rotate authority ${name!}` },
    )
  }
  const session = await openEngine(workspace, context)
  let end: SetUpEnd
  try {
    const ports = {
      ...{ session, store, dryRun },
      issuers: authorityKeys(workspace, context, { passphraseFd }),
      clock: () => context.now(),
      tell: (line: string) => printer.answer(line),
    }
    const work = async (): Promise<SetUpEnd> => {
      if (!dryRun) await store.heal()
      // A root may be trusted before it signs.
      const before = await takeOwnInventory(workspace)
      const isThere = ({ address }: DesiredAuthority): boolean =>
        before.authorities.get(address)?.certificate !== undefined
      let ended: SetUpEnd = 'whole'
      for (const authority of own.filter((one) => one.signing || !isThere(one))) {
        const inventory = await takeOwnInventory(workspace)
        ended = await setUpEngine({ authority, desired, inventory }, ports)
      }
      // Not before the new one is whole: until then the older one is all there is.
      if (compromised && ended === 'whole')
        await retireIssuers(signing!, await takeOwnInventory(workspace), ports)
      return ended
    }
    end = await (dryRun ? work() : underLock(store, 'authority setup', work))
  } finally {
    session.close()
  }
  for (const { name: what, text } of enginePolicies(signing ?? own.at(-1)!, desired)) {
    printer.answer(`\n# policy: ${what}\n${text.trimEnd()}`)
  }
  return end === 'whole' || dryRun ? exitStatus.ok : exitStatus.work
}

/** Its generations in the engine: the one that signs, and roots that are trusted. */
function named(name: string, { desired }: Workspace): readonly DesiredAuthority[] {
  const all = desired.authorities.filter((one) => one.engine !== undefined)
  const own = all.filter((one) => one.name === name)
  if (own.length > 0) return own
  const names = [...new Set(all.map((one) => one.name))]
  throw new NomadPkiError(
    'ERR_ADDRESS_UNKNOWN',
    `${name} is not an authority in Vault or OpenBao`,
    {
      hint:
        names.length === 0
          ? 'add engine: { mount: … } to an authority in the spec; docs/vault.md'
          : `those are: ${names.join(', ')}`,
    },
  )
}
